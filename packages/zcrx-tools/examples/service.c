// SPDX-License-Identifier: GPL-2.0
/*
 * service IF QUEUE: a receiver that is no root and keeps no capability.
 *
 * systemd (zcrx-service.socket, zcrx-service.service) hands over the listening
 * socket as file 3 and CAP_NET_ADMIN, which a registration takes. Both NIC queue
 * and memory are there once the library has registered them; then the capability
 * is dropped, and what a connection sends meets a process that has none. One
 * connection after the other is received and counted.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <liburing-zcrx.h>

#define LISTEN_FD	3
#define AREA_LEN	(16UL << 20)

static int listener(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (!pid || !fds || atoi(pid) != getpid() || atoi(fds) != 1)
		errx(1, "no socket was handed over: start zcrx-service.socket");
	return LISTEN_FD;
}

/* All of them, from all sets, for this process and what it executes. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    syscall(SYS_capset, &head, none))
		err(1, "dropping CAP_NET_ADMIN");
}

/*
 * Returns 0 at the stream's end, or -errno if the request has ended with that. With a
 * request that may still be at work there is no next connection.
 */
static int receive(struct uring_zcrx *zc, int sock)
{
	struct io_uring *ring = uring_zcrx_ring(zc);
	uint64_t bytes = 0, sum = 0;
	int next = URING_ZCRX_REARM, ret = 0;
	struct io_uring_cqe *cqe;
	bool goes_on;
	struct uring_zcrx_buf buf;
	size_t i;

	while (next != URING_ZCRX_END) {
		if (next == URING_ZCRX_FLUSH_REARM)
			uring_zcrx_flush(zc);
		if (next == URING_ZCRX_REARM || next == URING_ZCRX_FLUSH_REARM)
			uring_zcrx_prep_recv(zc, io_uring_get_sqe(ring), sock, 0);
		do {
			ret = uring_zcrx_wait(zc, NULL);
		} while (ret == -EINTR);
		if (!ret)
			ret = io_uring_peek_cqe(ring, &cqe);
		if (ret) {
			errno = -ret;
			err(1, "waiting for payload");
		}
		goes_on = cqe->flags & IORING_CQE_F_MORE;
		next = uring_zcrx_next(zc, cqe, &buf);
		io_uring_cqe_seen(ring, cqe);
		if (next < 0 && goes_on) {
			errno = -next;
			err(1, "receiving");
		}
		if (next < 0)
			return next;
		if (next != URING_ZCRX_DATA)
			continue;
		for (i = 0; i < buf.len; i++)
			sum += ((unsigned char *)buf.data)[i];
		bytes += buf.len;
		uring_zcrx_put(&buf);
	}
	printf("%llu bytes, sum %llu\n", (unsigned long long)bytes, (unsigned long long)sum);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct uring_zcrx_config cfg = { .mem.len = AREA_LEN };
	struct uring_zcrx *zc;
	int fd, sock, ret;

	if (argc != 3)
		errx(1, "usage: service IF QUEUE");
	fd = listener();
	cfg.if_idx = if_nametoindex(argv[1]);
	if (!cfg.if_idx)
		err(1, "%s", argv[1]);
	cfg.if_rxq = atoi(argv[2]);
	ret = uring_zcrx_open(&zc, &cfg);
	if (ret) {
		errno = -ret;
		err(1, "queue %s of %s; `zcrxctl check %s --queue %s` tells what is missing",
		    argv[2], argv[1], argv[1], argv[2]);
	}
	drop_capabilities();
	printf("ready\n");
	fflush(stdout);

	for (;;) {
		sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (sock < 0)
			err(1, "accept");
		ret = receive(zc, sock);
		if (ret) {
			errno = -ret;
			warn("a connection");
		}
		close(sock);
	}
}
