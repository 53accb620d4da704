// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "burst.h"
#include "nic.h"
#include "peer.h"
#include "sh.h"
#include "tcp.h"
#include "wire.h"

#define HEADERS		52	/* IPv4 and TCP with a timestamp */
#define LEN_MAX		(64 * 1024)
#define THREADS		16

static clockid_t napi_clock[THREADS];
static unsigned int nr_threads;

size_t burst_len(int mtu)
{
	size_t segment = mtu - HEADERS;
	/* GRO merges no more than these */
	size_t segments = (LEN_MAX - 1) / segment;

	return (segments < 16 ? segments : 16) * segment;
}

int burst_set_mtu(int mtu)
{
	return nic_set_mtus(WIRE_IF, mtu);
}

static long long now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t)) {
		perror("burst: clock_gettime");
		exit(1);
	}
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

static bool is_napi(int pid, const char *ifname)
{
	char path[64], want[32], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	snprintf(want, sizeof(want), "napi/%s-", ifname);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(comm, sizeof(comm), f))
		comm[0] = 0;
	fclose(f);
	return !strncmp(comm, want, strlen(want));
}

int burst_clock_open(const char *ifname)
{
	struct dirent *entry;
	char command[64];
	int ret = 0;
	DIR *proc;

	snprintf(command, sizeof(command),
		 "echo 1 >/sys/class/net/%s/threaded", ifname);
	if (sh(command))
		return -EIO;
	nr_threads = 0;
	proc = opendir("/proc");
	if (!proc)
		return -errno;
	while (!ret && (entry = readdir(proc))) {
		int pid = atoi(entry->d_name);

		if (pid <= 0 || !is_napi(pid, ifname))
			continue;
		if (nr_threads == THREADS)
			ret = -E2BIG;
		else
			ret = -clock_getcpuclockid(pid,
						   &napi_clock[nr_threads++]);
	}
	closedir(proc);
	return ret || nr_threads ? ret : -ESRCH;
}

/* One that waits for its turn longer than a round trip keeps its window. */
static void keep_window(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_slow_start_after_idle", "we");

	if (!f || fputs("0", f) < 0 || fclose(f)) {
		perror("burst: tcp_slow_start_after_idle");
		exit(1);
	}
}

/* For the peer: one after the other, so that none waits for room. */
static int connect_all(const struct peer_send *job, struct pollfd *conn,
		       unsigned int nr)
{
	unsigned int i;
	int one = 1;
	char hello;

	for (i = 0; i < nr; i++) {
		int fd = tcp_connect(job->addr, job->port);

		if (fd < 0)
			return fd;
		if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
			       sizeof(one)) || recv(fd, &hello, 1, 0) != 1)
			return -errno;
		conn[i] = (struct pollfd) { .fd = fd, .events = POLLIN };
	}
	return 0;
}

/* For the peer: a burst. Returns 1 once the connection has ended. */
static int answer(const struct bursts *b, int fd, __u64 *off)
{
	static char buf[LEN_MAX];
	char ask;

	if (recv(fd, &ask, 1, 0) != 1)
		return 1;
	stream_fill(b->stream, *off, buf, b->len);
	*off += b->len;
	return tcp_send_all(fd, buf, b->len);
}

struct job {
	struct peer_send send;
	const struct bursts *bursts;
};

static int send_bursts(void *arg)
{
	static struct pollfd conn[BURST_CONNECTIONS_MAX];
	static __u64 off[BURST_CONNECTIONS_MAX];
	const struct job *job = arg;
	unsigned int nr = job->bursts->nr, open = nr, i;
	int ret;

	keep_window();
	ret = connect_all(&job->send, conn, nr);
	while (!ret && open) {
		if (poll(conn, nr, -1) < 0)
			return 1;
		for (i = 0; i < nr && ret >= 0; i++) {
			if (!conn[i].revents)
				continue;
			ret = answer(job->bursts, conn[i].fd, &off[i]);
			if (ret != 1)
				continue;
			/* poll() leaves it out from now on */
			close(conn[i].fd);
			conn[i].fd = -1;
			open--;
			ret = 0;
		}
	}
	if (ret)
		fprintf(stderr, "burst: the peer: %s\n", strerror(-ret));
	return ret ? 1 : 0;
}

static int accept_all(struct bursts *b, int listener)
{
	unsigned int i;

	for (i = 0; i < b->nr; i++) {
		int fd = tcp_accept(listener, WIRE_PATIENCE_MS);

		if (fd >= 0 && send(fd, "h", 1, MSG_NOSIGNAL) != 1) {
			close(fd);
			fd = -EPIPE;
		}
		if (fd < 0) {
			while (i--)
				close(b->sock[i]);
			return fd;
		}
		b->sock[i] = fd;
	}
	return 0;
}

int bursts_open(struct bursts *b)
{
	struct job job = {
		.send = { .addr = WIRE_V4 },
		.bursts = b,
	};
	int listener, ret;

	if (!b->nr || b->nr > BURST_CONNECTIONS_MAX || b->len > LEN_MAX)
		return -EINVAL;
	listener = tcp_listen(WIRE_V4, 0);
	if (listener < 0)
		return listener;
	job.send.port = tcp_port(listener);
	b->peer = peer_start(send_bursts, &job);
	ret = b->peer < 0 ? b->peer : accept_all(b, listener);
	close(listener);
	/* without its connections it goes */
	if (ret && b->peer >= 0)
		peer_wait(b->peer);
	return ret;
}

int bursts_close(struct bursts *b)
{
	unsigned int i;

	for (i = 0; i < b->nr; i++) {
		/* a request may hold the socket */
		shutdown(b->sock[i], SHUT_RDWR);
		close(b->sock[i]);
	}
	return peer_wait(b->peer);
}

int burst_ask(const struct bursts *b, unsigned int conn, struct burst_clock *c)
{
	c->spent = 0;
	/* the burst may be there before the reader's clock is */
	c->napi = napi_now();
	if (send(b->sock[conn], "s", 1, MSG_NOSIGNAL) != 1)
		return -errno;
	burst_go_on(c);
	return 0;
}

void burst_pause(struct burst_clock *c)
{
	c->spent += now(CLOCK_THREAD_CPUTIME_ID) - c->reader;
}

void burst_go_on(struct burst_clock *c)
{
	c->reader = now(CLOCK_THREAD_CPUTIME_ID);
}

long long burst_end(struct burst_clock *c)
{
	burst_pause(c);
	return c->spent + napi_now() - c->napi;
}

static int compare(const void *a, const void *b)
{
	const long long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

long long burst_mean(long long *cost, size_t nr)
{
	size_t first = nr / 10, last = nr - nr / 10, i;
	long long sum = 0;

	qsort(cost, nr, sizeof(cost[0]), compare);
	for (i = first; i < last; i++)
		sum += cost[i];
	return sum / (long long)(last - first);
}
