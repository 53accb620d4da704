// SPDX-License-Identifier: GPL-2.0
/*
 * A program for upstream's zero-copy receive, compiled with the headers of
 * Debian's newest kernel and none of ours: the kernel cannot tell it from one
 * of its own. tests/upstream/run builds it and says what the headers have.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HAVE_QUERY
#include <linux/io_uring/query.h>
#endif

#include "zcrx.h"

/* What the VM has: tests/vm/net.sh sets it up. */
#define NIC		"eth0"
#define RXQ		1
#define NIC_ADDR	"10.0.0.1"
#define LOOPBACK	"127.0.0.1"
#define PEER_NETNS	"/run/netns/peer"

#define KIB		1024
#define MIB		(1024 * 1024)

/* A test that fails says why, and ends its process. */
static void check(int line, const char *what, long long want, long long have)
{
	if (want == have)
		return;
	printf("# line %d: %s is %lld, not %lld\n", line, what, have, want);
	exit(1);
}

#define CHECK_EQ(want, have)	check(__LINE__, #have, want, have)
#define CHECK(what)		check(__LINE__, #what, 1, !!(what))

/*
 * Connections
 */

static int send_stream(const struct sockaddr_in *addr, const struct flow *flow)
{
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	unsigned char buf[16 * KIB];
	__u64 done = 0;

	if (connect(sock, (const void *)addr, sizeof(*addr)))
		return 2;
	while (done < flow->len) {
		size_t i, n = flow->len - done;
		ssize_t sent;

		if (n > sizeof(buf))
			n = sizeof(buf);
		for (i = 0; i < n; i++)
			buf[i] = stream_byte(flow->seed, done + i);
		sent = send(sock, buf, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return 3;
		done += sent;
	}
	shutdown(sock, SHUT_WR);
	/* until the receiver has ended it as well */
	return recv(sock, buf, 1, 0) == 0 ? 0 : 4;
}

/* Keeps nothing of the parent's: its rings would live as long. */
static int sender(const struct sockaddr_in *addr, const struct flow *flow)
{
	int netns;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	syscall(SYS_close_range, 3, ~0U, 0);
	if (strcmp(inet_ntoa(addr->sin_addr), LOOPBACK)) {
		netns = open(PEER_NETNS, O_RDONLY);
		if (netns < 0 || setns(netns, CLONE_NEWNET))
			return 1;
	}
	return send_stream(addr, flow);
}

/*
 * A process that sends the flow to an address of ours: over loopback, or else
 * from the other end of the wire. Returns its id, or -errno.
 */
static pid_t flow_start(struct flow *flow, const char *addr, __u64 len)
{
	static __u64 seed = 1000;
	const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t sin_len = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	flow->seed = seed++;
	flow->len = len;
	inet_aton(addr, &sin.sin_addr);
	if (bind(listener, (void *)&sin, sizeof(sin)) || listen(listener, 1) ||
	    getsockname(listener, (void *)&sin, &sin_len) ||
	    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(sender(&sin, flow));
	flow->sock = accept(listener, NULL, NULL);
	close(listener);
	return pid < 0 || flow->sock < 0 ? -errno : pid;
}

/* The end of a connection: 0 if the sender had nothing to complain of. */
static int flow_close(struct flow *flow, pid_t pid)
{
	int status;

	close(flow->sock);
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status;
}

static struct flow *flow_of(struct zcrx *z)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	if (!flow)
		abort();
	flow->zcrx = z;
	return flow;
}

/* A whole stream, to which nothing happens. Returns how many CQEs it took. */
static __u64 receive(struct zcrx *z, const char *addr, __u64 len)
{
	struct flow *flow = flow_of(z);
	pid_t pid = flow_start(flow, addr, len);
	__u64 cqes;

	CHECK(pid > 0);
	CHECK_EQ(0, flow_arm(flow));
	CHECK_EQ(0, flow_finish(flow));
	CHECK_EQ(len, flow->got);
	CHECK_EQ(len, flow->in_area[0]);
	CHECK_EQ(0, flow_close(flow, pid));
	cqes = flow->cqes;
	free(flow);
	return cqes;
}

/*
 * Tests
 */

#ifdef HAVE_QUERY
static struct io_uring_query_hdr question(__u32 op, void *answer, __u32 size)
{
	return (struct io_uring_query_hdr) {
		.query_op = op,
		.query_data = (uintptr_t)answer,
		.size = size,
	};
}

static void query(void)
{
	struct io_uring_query_opcode ops = { };
	struct io_uring_query_zcrx zcrx = { };
	struct io_uring_query_hdr hdr[2] = {
		question(IO_URING_QUERY_OPCODES, &ops, sizeof(ops)),
		question(IO_URING_QUERY_ZCRX, &zcrx, sizeof(zcrx)),
	};

	hdr[0].next_entry = (uintptr_t)&hdr[1];
	CHECK_EQ(0, ring_register(-1, IORING_REGISTER_QUERY, hdr, 0));
	CHECK_EQ(0, hdr[0].result);
	CHECK_EQ(0, hdr[1].result);
	CHECK(ops.nr_request_opcodes > IORING_OP_RECV_ZC);
	CHECK(ops.nr_register_opcodes > IORING_REGISTER_ZCRX_IFQ);
	CHECK(ops.ring_setup_flags & IORING_SETUP_CQE32);
	CHECK(ops.nr_query_opcodes > IO_URING_QUERY_ZCRX);
	CHECK(zcrx.area_flags & IORING_ZCRX_AREA_DMABUF);
	CHECK(zcrx.rq_hdr_size >= 2 * sizeof(__u32));
	CHECK(zcrx.rq_hdr_size <= PAGE);
#ifdef HAVE_NODEV
	CHECK(zcrx.register_flags & ZCRX_REG_NODEV);
#endif
#ifdef HAVE_SHARING
	CHECK(zcrx.register_flags & ZCRX_REG_IMPORT);
	CHECK(zcrx.nr_ctrl_opcodes > ZCRX_CTRL_EXPORT);
#endif
#ifdef HAVE_ADD_AREA
	CHECK(zcrx.nr_ctrl_opcodes > ZCRX_CTRL_ADD_AREA);
#endif
#ifdef HAVE_EVENT
	CHECK(zcrx.features & ZCRX_FEATURE_EVENT);
#endif
}
#else
#define query NULL
#endif

#if defined(HAVE_QUERY) && defined(HAVE_STATS)
static void query_event(void)
{
	struct io_uring_query_zcrx_event event = { };
	struct io_uring_query_hdr hdr =
		question(IO_URING_QUERY_ZCRX_EVENT, &event, sizeof(event));

	CHECK_EQ(0, ring_register(-1, IORING_REGISTER_QUERY, &hdr, 0));
	CHECK_EQ(0, hdr.result);
	CHECK(event.event_flags & ZCRX_EVENT_DESC_FLAG_STATS);
	CHECK_EQ(sizeof(struct zcrx_stats), event.stats_size);
	CHECK(event.stats_off_alignment);
	CHECK_EQ(0, zcrx_stats_offset(PAGE) % event.stats_off_alignment);
}
#else
#define query_event NULL
#endif

/* Straight from the NIC: the statistics know of no copy. */
static void nic(void)
{
	const size_t area = 4 * MIB;
	struct zcrx z;
#ifdef HAVE_STATS
	struct zcrx_event_desc desc = {
		.flags = ZCRX_EVENT_DESC_FLAG_STATS,
		.stats_offset = zcrx_stats_offset(area),
	};
	volatile struct zcrx_stats *stats;

	CHECK_EQ(0, zcrx_open(&z, NIC, RXQ, area, (uintptr_t)&desc));
	receive(&z, NIC_ADDR, 8 * MIB);
	stats = z.ifq->region + desc.stats_offset;
	CHECK_EQ(0, stats->copy_count);
	CHECK_EQ(0, stats->copy_bytes);
#else
	CHECK_EQ(0, zcrx_open(&z, NIC, RXQ, area, 0));
	receive(&z, NIC_ADDR, 8 * MIB);
#endif
	zcrx_close(&z);
	ifq_free(z.ifq);
}

#ifdef HAVE_NODEV
static void nodev(void)
{
	struct zcrx z;

	CHECK_EQ(0, zcrx_open(&z, NULL, 0, 4 * MIB, 0));
	receive(&z, LOOPBACK, 2 * MIB);
	receive(&z, NIC_ADDR, 2 * MIB);
	zcrx_close(&z);
	ifq_free(z.ifq);
}
#else
#define nodev NULL
#endif

#ifdef HAVE_SHARING
/* The ring that registered leaves first. */
static void share(void)
{
	struct zcrx owner, other;
	int fd;

	CHECK_EQ(0, zcrx_open(&owner, NIC, RXQ, 4 * MIB, 0));
	fd = zcrx_export(&owner);
	CHECK(fd >= 0);
	CHECK_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	CHECK_EQ(0, zcrx_import(&other, owner.ifq, fd));
	CHECK_EQ(0, close(fd));

	receive(&owner, NIC_ADDR, 2 * MIB);
	receive(&other, NIC_ADDR, 2 * MIB);
	zcrx_close(&owner);
	receive(&other, NIC_ADDR, 2 * MIB);
	zcrx_close(&other);
	ifq_free(owner.ifq);
}
#else
#define share NULL
#endif

#if defined(HAVE_NODEV) && defined(HAVE_FLUSH)
/* The rest of a stream, as upstream's NODEV wants it: flushed, armed again. */
static void finish_flushing(struct flow *flow)
{
	__u64 before;
	int ret;

	do {
		before = flow->got;
		CHECK_EQ(0, zcrx_flush(flow->zcrx));
		CHECK_EQ(0, flow_arm(flow));
		ret = flow_finish(flow);
	} while (ret == -ENOMEM && flow->got > before);
	CHECK_EQ(0, ret);
	CHECK_EQ(flow->len, flow->got);
}

static void flush(void)
{
	const size_t area = 16 * PAGE;
	struct zcrx z;
	struct flow *flow = flow_of(&z);
	pid_t pid;

	CHECK_EQ(0, zcrx_open(&z, NULL, 0, area, 0));
	pid = flow_start(flow, LOOPBACK, 16 * area);
	CHECK(pid > 0);
	flow->keep = true;
	CHECK_EQ(0, flow_arm(flow));
	CHECK_EQ(-ENOMEM, flow_finish(flow));
	CHECK_EQ(area / PAGE, flow->nr_kept);

	flow_return(flow);
	CHECK_EQ(area / PAGE, *z.ifq->tail - *z.ifq->head);
	CHECK_EQ(0, zcrx_flush(&z));
	CHECK_EQ(*z.ifq->tail, *z.ifq->head);

	flow->keep = false;
	finish_flushing(flow);
	CHECK_EQ(0, flow_close(flow, pid));
	zcrx_close(&z);
	ifq_free(z.ifq);
}
#else
#define flush NULL
#endif

#if defined(HAVE_NODEV) && defined(HAVE_FLUSH) && defined(HAVE_ADD_AREA)
/* The first area is used up; what comes then is in the second. */
static void add_area(void)
{
	const size_t area = 16 * PAGE;
	struct zcrx z;
	struct flow *flow = flow_of(&z);
	pid_t pid;

	CHECK_EQ(0, zcrx_open(&z, NULL, 0, area, 0));
	pid = flow_start(flow, LOOPBACK, 16 * area);
	CHECK(pid > 0);
	flow->keep = true;
	CHECK_EQ(0, flow_arm(flow));
	CHECK_EQ(-ENOMEM, flow_finish(flow));
	CHECK_EQ(0, flow->in_area[1]);

	CHECK_EQ(0, zcrx_add_area(&z, area));
	CHECK_EQ(1ULL << IORING_ZCRX_AREA_SHIFT, z.ifq->area[1].token);
	CHECK_EQ(0, flow_arm(flow));
	CHECK_EQ(-ENOMEM, flow_finish(flow));
	CHECK_EQ(2 * area / PAGE, flow->nr_kept);
	CHECK(flow->in_area[1] > 0);
	CHECK_EQ(flow->got, flow->in_area[0] + flow->in_area[1]);

	flow_return(flow);
	flow->keep = false;
	finish_flushing(flow);
	CHECK_EQ(0, flow_close(flow, pid));
	zcrx_close(&z);
	ifq_free(z.ifq);
}
#else
#define add_area NULL
#endif

#if defined(HAVE_NODEV) && defined(HAVE_EVENT) && defined(HAVE_STATS)
/* One event until it is armed again, and statistics that know each copy. */
static void copies(void)
{
	const size_t area = 4 * MIB;
	struct zcrx_event_desc desc = {
		.user_data = FROM_EVENT,
		.type_mask = 1 << ZCRX_EVENT_COPY,
		.flags = ZCRX_EVENT_DESC_FLAG_STATS,
		.stats_offset = zcrx_stats_offset(area),
	};
	volatile struct zcrx_stats *stats;
	unsigned int round;
	__u64 cqes = 0;
	struct zcrx z;

	CHECK_EQ(0, zcrx_open(&z, NULL, 0, area, (uintptr_t)&desc));
	stats = z.ifq->region + desc.stats_offset;
	for (round = 1; round <= 3; round++) {
		cqes += receive(&z, LOOPBACK, MIB);
		CHECK_EQ(round, z.events[ZCRX_EVENT_COPY]);
		CHECK_EQ(round * MIB, stats->copy_bytes);
		CHECK_EQ(cqes, stats->copy_count);
		CHECK_EQ(0, zcrx_arm(&z, ZCRX_EVENT_COPY));
	}
	CHECK_EQ(0, z.events[ZCRX_EVENT_ALLOC_FAIL]);
	zcrx_close(&z);
	ifq_free(z.ifq);
}
#else
#define copies NULL
#endif

#ifdef HAVE_EVENT
/* All buffers are kept until the queue has run out of them. */
static void out_of_buffers(void)
{
	struct zcrx_event_desc desc = {
		.user_data = FROM_EVENT,
		.type_mask = 1 << ZCRX_EVENT_ALLOC_FAIL,
	};
	struct zcrx z;
	struct flow *flow = flow_of(&z);
	pid_t pid;

	CHECK_EQ(0, zcrx_open(&z, NIC, RXQ, 2 * MIB, (uintptr_t)&desc));
	pid = flow_start(flow, NIC_ADDR, 4 * MIB);
	CHECK(pid > 0);
	flow->keep = true;
	CHECK_EQ(0, flow_arm(flow));
	while (!z.events[ZCRX_EVENT_ALLOC_FAIL])
		CHECK_EQ(0, flow_step(flow, PATIENCE_MS));
	CHECK(flow->nr_kept);

	flow_return(flow);
	flow->keep = false;
	CHECK_EQ(0, flow_finish(flow));
	CHECK_EQ(flow->len, flow->got);
	CHECK_EQ(1, z.events[ZCRX_EVENT_ALLOC_FAIL]);
	CHECK_EQ(0, z.events[ZCRX_EVENT_COPY]);
	CHECK_EQ(0, flow_close(flow, pid));
	zcrx_close(&z);
	ifq_free(z.ifq);
}
#else
#define out_of_buffers NULL
#endif

static const struct {
	const char *name;
	void (*fn)(void);
} tests[] = {
	{ "query", query },
	{ "query_event", query_event },
	{ "nic", nic },
	{ "nodev", nodev },
	{ "share", share },
	{ "flush", flush },
	{ "add_area", add_area },
	{ "copies", copies },
	{ "out_of_buffers", out_of_buffers },
};

/* In a process of its own, so that whatever it leaves open is closed. */
static int run(void (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		fn();
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	return status;
}

int main(void)
{
	const int nr = sizeof(tests) / sizeof(tests[0]);
	int i, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%d\n", nr);
	for (i = 0; i < nr; i++) {
		if (!tests[i].fn) {
			printf("ok %d %s # SKIP the header does not have it\n",
			       i + 1, tests[i].name);
		} else if (run(tests[i].fn)) {
			printf("not ok %d %s\n", i + 1, tests[i].name);
			failed++;
		} else {
			printf("ok %d %s\n", i + 1, tests[i].name);
		}
	}
	return failed ? 1 : 0;
}
