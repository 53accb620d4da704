// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/caps.h"
#include "lib/flow.h"
#include "lib/meminfo.h"
#include "lib/recv.h"
#include "zc.h"

struct model model;

static void *map_memory(size_t len, int prot)
{
	void *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, len, MADV_DONTFORK);
	return p;
}

int pair_open(int pair[2])
{
	return recv_connect(pair);
}

/*
 * All areas live as long as the model does: an area is registered many times,
 * and its pages are pinned as often, but there are no more of them. So the
 * fuzzer cannot use up the machine.
 */
static int areas_open(void)
{
	static const struct {
		enum area_kind kind;
		size_t len;
	} kinds[] = {
		{ AREA_USER, 16 * FUZZ_PAGE },
		{ AREA_USER, 64 * FUZZ_PAGE },
		{ AREA_THP, 512 * FUZZ_PAGE },
		{ AREA_HUGETLB, 512 * FUZZ_PAGE },
		{ AREA_UDMABUF, 1024 * FUZZ_PAGE },
		{ AREA_HEAP, 1024 * FUZZ_PAGE },
		{ AREA_USER, 1024 * FUZZ_PAGE },
		{ AREA_UDMABUF, 16 * FUZZ_PAGE },
	};
	const char *failed;
	unsigned int i;
	int ret;

	for (i = 0; i < NR_AREAS; i++) {
		ret = area_open(&model.area[i], kinds[i].kind, kinds[i].len,
				&failed);
		if (ret) {
			fprintf(stderr, "# %s: %d\n", failed, ret);
			return ret;
		}
		model.nr_areas++;
	}
	return 0;
}

static int memory_open(void)
{
	unsigned int i;
	char *p;

	for (i = 0; i < NR_REGIONS; i++) {
		model.region[i] = map_memory(REGION_LEN,
					     PROT_READ | PROT_WRITE);
		if (!model.region[i])
			return -ENOMEM;
	}
	model.readonly = map_memory(REGION_LEN, PROT_READ);
	model.no_access = map_memory(REGION_LEN, PROT_NONE);
	p = map_memory(2 * FUZZ_PAGE, PROT_READ | PROT_WRITE);
	if (!model.readonly || !model.no_access || !p ||
	    mprotect(p + FUZZ_PAGE, FUZZ_PAGE, PROT_NONE))
		return -ENOMEM;
	model.half = p + FUZZ_PAGE - 16;
	return 0;
}

static int fds_open(void)
{
	int both[2];
	unsigned int i;
	int ret;

	for (i = 0; i < NR_EXPORTS; i++)
		model.export[i] = -1;
	for (i = 0; i < NR_PAIRS; i++) {
		ret = pair_open(model.pair[i]);
		if (ret)
			return ret;
	}
	if (pipe(both))
		return -errno;
	model.odd_fd[0] = both[0];
	model.odd_fd[1] = both[1];
	model.odd_fd[2] = socket(AF_INET, SOCK_DGRAM, 0);
	model.odd_fd[3] = socket(AF_UNIX, SOCK_STREAM, 0);
	/* never connected */
	model.odd_fd[4] = socket(AF_INET, SOCK_STREAM, 0);
	return 0;
}

int ring_open(struct fuzz_ring *r, struct prng *p)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32 |
			 IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = 8 << prng_below(p, 6),
	};
	int ret;

	switch (prng_below(p, 24)) {
	case 0:
		params.flags &= ~IORING_SETUP_CQE32;
		break;
	case 1:
		params.flags &= ~IORING_SETUP_DEFER_TASKRUN;
		break;
	case 2:
		params.flags &= ~IORING_SETUP_CLAMP;
		break;
	case 3:
		params.flags |= IORING_SETUP_R_DISABLED;
		break;
	}
	memset(r, 0, sizeof(*r));
	ret = io_uring_queue_init_params(8, &r->ring, &params);
	if (ret)
		return ret;
	io_uring_ring_dontfork(&r->ring);
	r->open = true;
	return 0;
}

void ring_close(struct fuzz_ring *r)
{
	if (r->open)
		io_uring_queue_exit(&r->ring);
	r->open = false;
}

int model_open(void)
{
	const struct rlimit limit = { 64 << 20, 64 << 20 };
	struct prng p;
	unsigned int i;
	int ret;

	ret = meminfo_set_huge_pages(1);
	if (!ret)
		ret = areas_open();
	if (!ret)
		ret = memory_open();
	if (!ret)
		ret = fds_open();
	/* a queue more, and connections by the first alone */
	if (!ret)
		ret = flow_widen();
	/* from here on what is pinned counts */
	if (!ret && setrlimit(RLIMIT_MEMLOCK, &limit))
		ret = -errno;
	if (!ret)
		ret = caps_drop(CAP_IPC_LOCK);
	prng_init(&p, 1, 1);
	for (i = 0; i < NR_RINGS && !ret; i++)
		ret = ring_open(&model.ring[i], &p);
	return ret;
}

/*
 * DMA debugging takes a page that is mapped twice for a bug, unless the mapper
 * says that it does no synchronisation, which an exporter of dma-bufs does not.
 * So the NIC gets each dma-buf once, and else the first area, which is none.
 */
unsigned int nic_area(unsigned int which)
{
	if (model.area[which].dmabuf_fd < 0)
		return which;
	if (model.nic_areas & 1U << which)
		return 0;
	model.nic_areas |= 1U << which;
	return which;
}

void release_nic(void)
{
	unsigned int i, j;
	struct prng p;

	prng_init(&p, 1, 2);
	/* a mapping keeps its ring */
	for (i = 0; i < NR_MAPS; i++) {
		if (model.map[i].ptr)
			munmap(model.map[i].ptr, model.map[i].len);
		model.map[i].ptr = NULL;
	}
	for (i = 0; i < NR_EXPORTS; i++) {
		if (model.export[i] >= 0)
			close(model.export[i]);
		model.export[i] = -1;
	}
	/* one that imported it has it as well */
	for (i = 0; i < NR_RINGS; i++) {
		bool used = false;

		for (j = 0; j < NR_IFQS; j++)
			used |= model.ring[i].ifq[j].used;
		if (!used)
			continue;
		ring_close(&model.ring[i]);
		ring_open(&model.ring[i], &p);
	}
	if (model.wire.peer) {
		/* a ring that takes its time to go has the socket, too */
		shutdown(model.wire.sock, SHUT_RDWR);
		/* it may be about to send again in a minute */
		kill(model.wire.peer, SIGKILL);
		wire_close(&model.wire);
		model.wire.peer = 0;
	}
}

void model_close(void)
{
	unsigned int i;

	release_nic();

	for (i = 0; i < NR_RINGS; i++)
		ring_close(&model.ring[i]);
	for (i = 0; i < NR_EXPORTS; i++)
		if (model.export[i] >= 0)
			close(model.export[i]);
	for (i = 0; i < NR_PAIRS; i++) {
		close(model.pair[i][0]);
		close(model.pair[i][1]);
	}
	for (i = 0; i < model.nr_areas; i++)
		area_close(&model.area[i]);
	meminfo_set_huge_pages(0);
}

struct fuzz_ring *pick_ring(struct prng *p)
{
	return &model.ring[prng_below(p, NR_RINGS)];
}

struct fuzz_ifq *pick_ifq(struct fuzz_ring *r, struct prng *p)
{
	unsigned int first = prng_below(p, NR_IFQS), i;

	for (i = 0; i < NR_IFQS; i++) {
		struct fuzz_ifq *q = &r->ifq[(first + i) % NR_IFQS];

		if (q->used)
			return q;
	}
	return &r->ifq[first];
}

struct fuzz_ifq *free_ifq(struct fuzz_ring *r)
{
	unsigned int i;

	for (i = 0; i < NR_IFQS; i++)
		if (!r->ifq[i].used)
			return &r->ifq[i];
	return NULL;
}

__u64 bad_pointer(struct prng *p)
{
	switch (prng_below(p, 6)) {
	case 0:
		return 0;
	case 1:
		return 8;
	case 2:
		return (uintptr_t)model.no_access;
	case 3:
		return (uintptr_t)model.half;
	case 4:
		return (uintptr_t)model.readonly;
	default:
		return 1ULL << (47 + prng_below(p, 17));
	}
}
