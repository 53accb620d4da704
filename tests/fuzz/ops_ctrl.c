// SPDX-License-Identifier: GPL-2.0
/* IORING_REGISTER_ZCRX_CTRL, and IORING_REGISTER_QUERY. */
#include <errno.h>
#include <linux/io_uring/query.h>
#include <linux/io_uring/zcrx_ext.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/events.h"
#include "lib/flow.h"
#include "lib/query.h"
#include "spoil.h"

static void begin(struct prng *p, struct zcrx_ctrl *ctrl,
		  struct fuzz_ring **ring, __u32 op)
{
	*ring = pick_ring(p);
	memset(ctrl, 0, sizeof(*ctrl));
	ctrl->zcrx_id = pick_ifq(*ring, p)->id;
	ctrl->op = op;
}

/* Spoils what holds no pointer that the kernel writes to. */
static void spoil(struct prng *p, struct zcrx_ctrl *ctrl)
{
	switch (prng_below(p, 4)) {
	case 0:
		ctrl->zcrx_id = prng_odd(p);
		break;
	case 1:
		ctrl->__resv[prng_below(p, 2)] = prng_odd(p);
		break;
	default:
		/* behind the first word of the payload */
		prng_flip(p, (char *)ctrl + 32, sizeof(*ctrl) - 32);
	}
}

static int call(struct prng *p, struct fuzz_ring *ring, struct zcrx_ctrl *ctrl)
{
	unsigned int nr = prng_chance(p, 2) ? prng_odd(p) : 0;
	void *arg = ctrl;

	if (!ring->open)
		return -EBADF;
	if (prng_chance(p, 2)) {
		arg = (void *)(uintptr_t)bad_pointer(p);
	} else if (prng_chance(p, 3)) {
		mprotect(model.readonly, FUZZ_PAGE, PROT_READ | PROT_WRITE);
		memcpy(model.readonly, ctrl, sizeof(*ctrl));
		mprotect(model.readonly, FUZZ_PAGE, PROT_READ);
		arg = model.readonly;
	}
	return io_uring_register(ring->ring.ring_fd, IORING_REGISTER_ZCRX_CTRL,
				 arg, nr);
}

int op_flush(struct prng *p)
{
	struct zcrx_ctrl ctrl;
	struct fuzz_ring *ring;

	begin(p, &ctrl, &ring, ZCRX_CTRL_FLUSH_RQ);
	if (prng_chance(p, 20))
		spoil(p, &ctrl);
	return call(p, ring, &ctrl);
}

int op_export(struct prng *p)
{
	unsigned int to = prng_below(p, NR_EXPORTS);
	struct fuzz_ring *ring;
	struct zcrx_ctrl ctrl;
	int ret;

	begin(p, &ctrl, &ring, ZCRX_CTRL_EXPORT);
	if (prng_chance(p, 20))
		spoil(p, &ctrl);
	if (prng_chance(p, 3))
		ctrl.zc_export.zcrx_fd = prng_odd(p);
	ret = call(p, ring, &ctrl);
	if (ret)
		return ret;
	if (model.export[to] >= 0)
		close(model.export[to]);
	model.export[to] = ctrl.zc_export.zcrx_fd;
	return 0;
}

int op_arm(struct prng *p)
{
	struct fuzz_ring *ring;
	struct zcrx_ctrl ctrl;

	begin(p, &ctrl, &ring, ZCRX_CTRL_ARM_EVENT);
	ctrl.zc_arm_event.event_type = prng_chance(p, 80) ?
				       prng_below(p, 2) : prng_odd(p);
	if (prng_chance(p, 20))
		ctrl.zc_arm_event.event_type = ZCRX_EVENT_LOW_WATER;
	if (prng_chance(p, 20))
		spoil(p, &ctrl);
	return call(p, ring, &ctrl);
}

int op_add_area(struct prng *p)
{
	struct io_uring_zcrx_area_reg area;
	struct fuzz_ring *ring;
	struct zcrx_ctrl ctrl;
	struct fuzz_ifq *q;
	unsigned int which;

	begin(p, &ctrl, &ring, ZCRX_CTRL_ADD_AREA);
	q = pick_ifq(ring, p);
	ctrl.zcrx_id = q->id;
	which = prng_below(p, q->nic || prng_chance(p, 30) ? NR_AREAS : 2);
	if (q->nic)
		which = nic_area(which);
	area_describe(&model.area[which], &area);
	vary_area(p, &area, true);
	ctrl.zc_area.area_ptr = (uintptr_t)&area;
	if (prng_chance(p, 30))
		spoil_area(p, &area);
	if (prng_chance(p, 10))
		spoil(p, &ctrl);
	if (prng_chance(p, 5)) {
		ctrl.zc_area.area_ptr = bad_pointer(p);
	} else if (prng_chance(p, 5)) {
		/* can be read, and the token not be written */
		mprotect(model.readonly, FUZZ_PAGE, PROT_READ | PROT_WRITE);
		memcpy(model.readonly + 2048, &area, sizeof(area));
		mprotect(model.readonly, FUZZ_PAGE, PROT_READ);
		ctrl.zc_area.area_ptr = (uintptr_t)model.readonly + 2048;
	}
	return call(p, ring, &ctrl);
}

/* The payload of what ends something, behind the same words. */
static struct zcrx_ctrl_leave *leave_of(struct prng *p, struct zcrx_ctrl *ctrl)
{
	struct zcrx_ctrl_leave *leave = (void *)&ctrl->zc_flush;

	if (prng_chance(p, 60)) {
		leave->flags = ZCRX_LEAVE_NOTIFY;
		leave->user_data = ~0ULL;
	}
	return leave;
}

int op_remove_area(struct prng *p)
{
	struct fuzz_ring *ring;
	struct zcrx_ctrl ctrl;
	__u64 id;

	begin(p, &ctrl, &ring, ZCRX_CTRL_REMOVE_AREA);
	/* mostly one that may be there, of a slot's first or later ones */
	id = prng_below(p, 3) + 16 * (prng_chance(p, 50) ? prng_below(p, 8) : 0);
	if (prng_chance(p, 10))
		id = prng_odd(p);
	leave_of(p, &ctrl)->area_token = id << IORING_ZCRX_AREA_SHIFT;
	if (prng_chance(p, 15))
		spoil(p, &ctrl);
	return call(p, ring, &ctrl);
}

int op_subscribe(struct prng *p)
{
	struct zcrx_ctrl_subscribe *sub;
	struct fuzz_ring *ring;
	struct zcrx_ctrl ctrl;

	begin(p, &ctrl, &ring, ZCRX_CTRL_SUBSCRIBE);
	sub = (void *)&ctrl.zc_flush;
	if (prng_chance(p, 80)) {
		sub->user_data = ~0ULL;
		sub->type_mask = prng_below(p, 4);
		if (prng_chance(p, 50)) {
			sub->type_mask |= 1U << ZCRX_EVENT_LOW_WATER;
			sub->low_water = 1 + prng_below(p, 64);
		}
	}
	if (prng_chance(p, 20))
		spoil(p, &ctrl);
	return call(p, ring, &ctrl);
}

int op_unregister(struct prng *p)
{
	struct fuzz_ring *ring;
	struct zcrx_ctrl ctrl;
	unsigned int i;
	int ret;

	begin(p, &ctrl, &ring, ZCRX_CTRL_UNREGISTER);
	leave_of(p, &ctrl);
	if (prng_chance(p, 20))
		spoil(p, &ctrl);
	ret = call(p, ring, &ctrl);
	for (i = 0; !ret && i < NR_IFQS; i++)
		if (ring->ifq[i].id == ctrl.zcrx_id)
			ring->ifq[i].used = false;
	return ret;
}

/* Some ring with an ifq that has the NIC, if there is one. */
static struct fuzz_ifq *nic_ifq(struct fuzz_ring **ring)
{
	unsigned int i, j;

	for (i = 0; i < NR_RINGS; i++)
		for (j = 0; j < NR_IFQS; j++)
			if (model.ring[i].ifq[j].used &&
			    model.ring[i].ifq[j].nic) {
				*ring = &model.ring[i];
				return &(*ring)->ifq[j];
			}
	return NULL;
}

static void begin_queue(struct prng *p, struct zcrx_ctrl *ctrl,
			struct fuzz_ring **ring, __u32 op)
{
	struct fuzz_ifq *q;

	begin(p, ctrl, ring, op);
	q = prng_chance(p, 85) ? nic_ifq(ring) : NULL;
	if (q)
		ctrl->zcrx_id = q->id;
}

/* Maps the refill ring that the kernel made, and it is scribbled on. */
static void map_further(struct prng *p, struct fuzz_ring *ring, __u64 off)
{
	struct fuzz_map *m = &model.map[prng_below(p, NR_MAPS)];
	void *ptr = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
			 ring->ring.ring_fd, off);

	if (ptr == MAP_FAILED)
		return;
	if (m->ptr)
		munmap(m->ptr, m->len);
	*m = (struct fuzz_map) { ptr, REGION_LEN };
	scribble(ptr, p);
}

int op_bind_queue(struct prng *p)
{
	struct io_uring_region_desc region = { .size = REGION_LEN };
	struct zcrx_ctrl_bind_queue *bind;
	struct fuzz_ring *ring;
	struct zcrx_ctrl ctrl;
	int ret;

	/* seldom has any of them the NIC, which takes its time */
	if (!nic_ifq(&ring) && prng_chance(p, 30))
		op_register_nic(p);
	begin_queue(p, &ctrl, &ring, ZCRX_CTRL_BIND_QUEUE);
	bind = (void *)&ctrl.zc_flush;
	*bind = (struct zcrx_ctrl_bind_queue) {
		.if_idx = if_nametoindex(prng_chance(p, 95) ? WIRE_IF : "lo"),
		.if_rxq = prng_chance(p, 90) ? FLOW_FURTHER_RXQ :
					       prng_below(p, 5),
		.rq_entries = 1 + prng_below(p, 1024),
		.region_ptr = (uintptr_t)&region,
	};
	if (prng_chance(p, 60)) {
		region.user_addr = (uintptr_t)model.region[prng_below(p,
								NR_REGIONS)];
		region.flags = IORING_MEM_REGION_TYPE_USER;
	}
	if (prng_chance(p, 10))
		prng_flip(p, &region, sizeof(region));
	if (prng_chance(p, 5))
		bind->region_ptr = bad_pointer(p);
	if (prng_chance(p, 10))
		bind->rq_entries = prng_odd(p);
	if (prng_chance(p, 30)) {
		bind->flags = ZCRX_BIND_STATS;
		bind->stats_offset = prng_chance(p, 80) ? RQ_END(1024) :
							  prng_odd(p);
	}
	if (prng_chance(p, 10)) {
		bind->flags = prng_chance(p, 50) ? prng_odd(p) : 0;
		bind->__resv[prng_below(p, sizeof(bind->__resv) / 8)] =
			prng_odd(p);
	}
	ret = call(p, ring, &ctrl);
	report_nic += !ret;
	if (!ret && region.mmap_offset)
		map_further(p, ring, region.mmap_offset);
	return ret;
}

int op_unbind_queue(struct prng *p)
{
	struct zcrx_ctrl_unbind_queue *unbind;
	struct fuzz_ring *ring;
	struct zcrx_ctrl ctrl;
	int ret;

	begin_queue(p, &ctrl, &ring, ZCRX_CTRL_UNBIND_QUEUE);
	unbind = (void *)&ctrl.zc_flush;
	unbind->if_rxq = prng_chance(p, 85) ? FLOW_FURTHER_RXQ :
					      prng_below(p, 5);
	if (prng_chance(p, 15))
		spoil(p, &ctrl);
	ret = call(p, ring, &ctrl);
	report_nic += !ret;
	return ret;
}

int op_ctrl_unknown(struct prng *p)
{
	struct fuzz_ring *ring;
	struct zcrx_ctrl ctrl;

	begin(p, &ctrl, &ring, __ZCRX_CTRL_LAST + prng_odd(p) % 0x10000);
	return call(p, ring, &ctrl);
}

int op_query(struct prng *p)
{
	static union answer answer[4];
	static struct io_uring_query_hdr hdr[4];
	unsigned int nr = 1 + prng_below(p, 4), i;
	unsigned int nr_args = 0;
	struct via via = blind;
	void *first = hdr;

	for (i = 0; i < nr; i++) {
		hdr[i] = question(prng_below(p, NR_OPS), &answer[i],
				  sizeof(answer[i]));
		if (i + 1 < nr)
			hdr[i].next_entry = (uintptr_t)&hdr[i + 1];
	}
	i = prng_below(p, nr);
	/* a longer size would reach what lies behind */
	switch (prng_below(p, 12)) {
	case 0:
		hdr[i].query_op = prng_odd(p);
		break;
	case 1:
		hdr[i].size = prng_below(p, sizeof(answer[0]));
		break;
	case 2:
		hdr[i].query_data = bad_pointer(p);
		break;
	case 3:
		hdr[i].next_entry = bad_pointer(p);
		break;
	case 4:
		hdr[i].result = prng_odd(p);
		break;
	case 5:
		hdr[i].__resv[prng_below(p, 3)] = prng_odd(p);
		break;
	case 6:
		/* for ever; seldom, as it takes a while */
		if (prng_chance(p, 10))
			hdr[i].next_entry = (uintptr_t)&hdr[0];
		break;
	case 7:
		nr_args = prng_odd(p);
		break;
	case 8:
		first = (void *)(uintptr_t)bad_pointer(p);
		break;
	}
	if (nr_args)
		return io_uring_register(via.fd, via.opcode, first, nr_args);
	return ask_chain(&via, first);
}
