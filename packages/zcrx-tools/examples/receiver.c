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
#define must(call) do { int ret_ = (call); \
	if (ret_ < 0) { errno = ret_ == -1 ? errno : -ret_; err(1, #call); } } while (0)

static int make_dmabuf(void)
{
	struct udmabuf_create create = { .size = AREA_LEN };
	int dev, fd;

	must(dev = open("/dev/udmabuf", O_RDWR));
	must(fd = memfd_create("area", MFD_ALLOW_SEALING));
	must(ftruncate(fd, AREA_LEN));
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	create.memfd = fd;
	must(fd = ioctl(dev, UDMABUF_CREATE, &create));
	return fd;
}

static int accept_one(int port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int sock;

	must(sock = socket(AF_INET6, SOCK_STREAM, 0));
	must(bind(sock, (struct sockaddr *)&addr, sizeof(addr)));
	must(listen(sock, 1));
	must(sock = accept(sock, NULL, NULL));
	return sock;
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
	cfg.if_idx = if_nametoindex(argv[1]);
	cfg.if_rxq = atoi(argv[2]);
	cfg.mem.dmabuf_fd = make_dmabuf();
	cfg.mem.addr = mmap(NULL, AREA_LEN, PROT_READ, MAP_SHARED, cfg.mem.dmabuf_fd, 0);
	must(uring_zcrx_open(&zc, &cfg));
	ring = uring_zcrx_ring(zc);
	sock = accept_one(atoi(argv[3]));

	while (next != URING_ZCRX_END) {
		if (next == URING_ZCRX_FLUSH_REARM)	/* a copy found no buffer */
			must(uring_zcrx_flush(zc));
		if (next != URING_ZCRX_DATA)		/* the request has ended */
			uring_zcrx_prep_recv(zc, io_uring_get_sqe(ring), sock, 0);
		must(uring_zcrx_wait(zc, NULL));
		must(io_uring_peek_cqe(ring, &cqe));
		must(next = uring_zcrx_next(zc, cqe, &buf));
		if (next == URING_ZCRX_DATA) {		/* where the NIC has put it */
			fwrite(buf.data, 1, buf.len, stdout);
			uring_zcrx_put(&buf);
		}
		io_uring_cqe_seen(ring, cqe);
	}
	uring_zcrx_close(zc);
	return fclose(stdout) ? 1 : 0;
}
