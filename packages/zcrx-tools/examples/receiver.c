// SPDX-License-Identifier: GPL-2.0
// receiver IF QUEUE PORT: one TCP connection into a udmabuf, and on to stdout.
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <liburing-zcrx.h>

#define AREA_LEN	(16UL << 20)

/* The library returns -errno, system calls -1. Both end it here. */
static int must(const char *what, int ret)
{
	if (ret < 0) {
		errno = -ret;
		err(1, "%s", what);
	}
	return ret;
}

static int sys(const char *what, int ret)
{
	return must(what, ret < 0 ? -errno : ret);
}

static int make_dmabuf(void)
{
	struct udmabuf_create create = { .size = AREA_LEN };
	int dev = sys("/dev/udmabuf", open("/dev/udmabuf", O_RDWR));

	create.memfd = sys("memfd", memfd_create("area", MFD_ALLOW_SEALING));
	sys("memfd", ftruncate(create.memfd, AREA_LEN));
	sys("memfd", fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	return sys("udmabuf", ioctl(dev, UDMABUF_CREATE, &create));
}

static int accept_one(int port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int sock = sys("socket", socket(AF_INET6, SOCK_STREAM, 0)), yes = 1;

	sys("socket", setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)));
	sys("bind", bind(sock, (struct sockaddr *)&addr, sizeof(addr)));
	sys("listen", listen(sock, 1));
	return sys("accept", accept(sock, NULL, NULL));
}

int main(int argc, char **argv)
{
	struct uring_zcrx_config cfg = { .mem.kind = URING_ZCRX_MEM_DMABUF, .mem.len = AREA_LEN };
	int sock, next = URING_ZCRX_REARM;
	struct io_uring_cqe *cqe;
	struct uring_zcrx_buf buf;
	struct uring_zcrx *zc;
	struct io_uring *ring;

	if (argc != 4)
		errx(1, "usage: receiver IF QUEUE PORT");
	cfg.if_idx = sys(argv[1], if_nametoindex(argv[1]) ? : -1);
	cfg.if_rxq = atoi(argv[2]);
	cfg.mem.dmabuf_fd = make_dmabuf();
	cfg.mem.addr = mmap(NULL, AREA_LEN, PROT_READ, MAP_SHARED, cfg.mem.dmabuf_fd, 0);
	sys("mmap", cfg.mem.addr == MAP_FAILED ? -1 : 0);
	must("registration", uring_zcrx_open(&zc, &cfg));
	ring = uring_zcrx_ring(zc);
	sock = accept_one(atoi(argv[3]));

	while (next != URING_ZCRX_END) {
		if (next == URING_ZCRX_FLUSH_REARM)	/* a copy found no buffer */
			must("flush", uring_zcrx_flush(zc));
		if (next == URING_ZCRX_REARM || next == URING_ZCRX_FLUSH_REARM)
			uring_zcrx_prep_recv(zc, io_uring_get_sqe(ring), sock, 0);
		must("wait", uring_zcrx_wait(zc, NULL));
		must("wait", io_uring_peek_cqe(ring, &cqe));
		next = must("receive", uring_zcrx_next(zc, cqe, &buf));
		if (next == URING_ZCRX_DATA) {		/* where the NIC has put it */
			sys("stdout", fwrite(buf.data, 1, buf.len, stdout) == buf.len ? 0 : -1);
			uring_zcrx_put(&buf);
		}
		io_uring_cqe_seen(ring, cqe);
	}
	uring_zcrx_close(zc);
	return fclose(stdout) ? 1 : 0;
}
