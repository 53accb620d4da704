// SPDX-License-Identifier: GPL-2.0
/*
 * What recv() costs on a queue that no provider is bound to, for a kernel whose
 * clock counts instructions (tests/vm/run --icount: a nanosecond is one).
 *
 *   recv_cost [--rebind]	--rebind: on a queue that was bound, and is not
 *				any more
 *
 * prints a line for each MTU: its name, and the instructions for a burst of
 * segments from the NIC's ring to the reader's buffer.
 *
 * The sender runs on the same processor, so its work must not count. eth0's
 * NAPI gets a thread, and the clocks of this thread and of the reader count no
 * interrupts and no softirqs, where the sender's acknowledgments are handled.
 * Sender and reader take turns, so that each burst meets the same conditions:
 * it comes in one piece, and the reader sleeps. The median of many leaves out
 * those that a timer disturbed.
 */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/nic.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define HEADERS		52	/* IPv4 and TCP with a timestamp */
#define CONNECTIONS	3
#define BURSTS		300	/* of each connection */
#define THREADS		16

/* A burst is as much as TCP gives the NIC in one piece. */
static const struct {
	const char *name;
	int mtu;
	unsigned int segments;
} config[] = {
	{ "mtu_9000", 9000, 7 },
	{ "mtu_1500", 1500, 16 },
};

static struct stream stream;
static char buf[64 * 1024];
static size_t burst;

static clockid_t napi_clock[THREADS];
static unsigned int nr_threads;

static __attribute__((noreturn)) void fail(const char *what, int err)
{
	fprintf(stderr, "recv_cost: %s: %s\n", what, strerror(err));
	exit(1);
}

static long long now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		fail("clock_gettime", errno);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long napi_now(void)
{
	long long sum = 0;
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		sum += now(napi_clock[i]);
	return sum;
}

static bool is_napi(int pid)
{
	char path[64], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(comm, sizeof(comm), f))
		comm[0] = 0;
	fclose(f);
	return !strncmp(comm, "napi/" WIRE_IF "-", sizeof("napi/" WIRE_IF));
}

/* eth0's NAPI gets threads, and we their clocks. */
static void find_napi(void)
{
	struct dirent *entry;
	DIR *proc;
	int ret;

	if (sh("echo 1 >/sys/class/net/" WIRE_IF "/threaded"))
		fail("no NAPI threads", EIO);
	proc = opendir("/proc");
	if (!proc)
		fail("/proc", errno);
	while ((entry = readdir(proc))) {
		int pid = atoi(entry->d_name);

		if (pid <= 0 || !is_napi(pid))
			continue;
		if (nr_threads == THREADS)
			fail("NAPI threads", E2BIG);
		ret = clock_getcpuclockid(pid, &napi_clock[nr_threads++]);
		if (ret)
			fail("clock_getcpuclockid", ret);
	}
	closedir(proc);
	if (!nr_threads)
		fail("no NAPI thread", ESRCH);
}

/* For the peer: sends a burst for each byte that it is sent. */
static int send_bursts(void *arg)
{
	const struct peer_send *job = arg;
	int fd, one = 1;
	__u64 off = 0;
	char ask;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
				 sizeof(one)))
		return 1;
	while (recv(fd, &ask, 1, 0) == 1) {
		stream_fill(job->stream, off, buf, burst);
		off += burst;
		if (tcp_send_all(fd, buf, burst))
			return 1;
	}
	return 0;
}

static void measure_connection(long long *cost)
{
	struct wire wire;
	unsigned int i;
	size_t bad;
	int ret;

	ret = wire_open_with(&wire, WIRE_V4, &stream, 0, false, send_bursts);
	if (ret)
		fail("connecting", -ret);
	for (i = 0; i < BURSTS; i++) {
		long long start, napi_start = napi_now();
		ssize_t n;

		if (send(wire.sock, "s", 1, MSG_NOSIGNAL) != 1)
			fail("send", errno);
		start = now(CLOCK_THREAD_CPUTIME_ID);
		n = recv(wire.sock, buf, burst, MSG_WAITALL);
		cost[i] = now(CLOCK_THREAD_CPUTIME_ID) - start +
			  napi_now() - napi_start;
		if (n != (ssize_t)burst)
			fail("recv", n < 0 ? errno : EPIPE);
		if (!stream_check(&stream, i * burst, buf, burst, &bad))
			fail("a wrong byte", EILSEQ);
	}
	/* tells the peer */
	shutdown(wire.sock, SHUT_WR);
	if (wire_close(&wire))
		fail("the peer", EIO);
}

static int compare(const void *a, const void *b)
{
	const long long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void measure(const char *name)
{
	static long long cost[CONNECTIONS * BURSTS];
	unsigned int i;

	for (i = 0; i < CONNECTIONS; i++)
		measure_connection(cost + i * BURSTS);
	qsort(cost, CONNECTIONS * BURSTS, sizeof(cost[0]), compare);
	printf("%s %lld\n", name, cost[CONNECTIONS * BURSTS / 2]);
	fflush(stdout);
}

/* Binds the queue, receives a little with zero copy, and lets it go. */
static void rebind(void)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = AREA_USER,
		.area_len = 4 * 1024 * 1024,
	};
	struct receiver rx = { .stream = &stream };
	struct wire wire;
	struct zc zc;
	int ret;

	ret = zc_open(&zc, &cfg);
	if (ret)
		fail(zc.failed, -ret);
	rx.zc = &zc;
	ret = wire_open(&wire, WIRE_V4, &stream, cfg.area_len, false);
	if (ret)
		fail("connecting", -ret);
	rx.sock = wire.sock;
	ret = receive_all(&rx);
	if (ret != RECEIVE_END || rx.bytes != cfg.area_len)
		fail("zero-copy receive", ret < 0 ? -ret : EPIPE);
	if (wire_close(&wire))
		fail("the peer", EIO);
	zc_close(&zc);
	ret = queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
			      WIRE_PATIENCE_MS);
	if (ret)
		fail("the queue is still bound", -ret);
}

int main(int argc, char **argv)
{
	size_t i;
	int ret;

	stream_init(&stream, 10);
	if (argc > 1 && !strcmp(argv[1], "--rebind"))
		rebind();
	find_napi();
	for (i = 0; i < sizeof(config) / sizeof(config[0]); i++) {
		ret = nic_set_mtus(WIRE_IF, config[i].mtu);
		if (ret)
			fail("setting the MTU", -ret);
		burst = (config[i].mtu - HEADERS) * config[i].segments;
		measure(config[i].name);
	}
	return 0;
}
