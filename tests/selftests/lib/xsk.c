// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xsk.h"

#define PAGE	4096

static int set_up(int sock, void *mem)
{
	const struct xdp_umem_reg umem = {
		.addr = (uintptr_t)mem,
		.len = XSK_PINS * PAGE,
		.chunk_size = PAGE,
	};
	const int entries = XSK_PINS;

	if (setsockopt(sock, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)) ||
	    setsockopt(sock, SOL_XDP, XDP_UMEM_FILL_RING, &entries,
		       sizeof(entries)) ||
	    setsockopt(sock, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries,
		       sizeof(entries)) ||
	    setsockopt(sock, SOL_XDP, XDP_RX_RING, &entries, sizeof(entries)))
		return -errno;
	return 0;
}

int xsk_open(unsigned int ifindex, unsigned int queue)
{
	const struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY,
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = queue,
	};
	int sock = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	void *mem;
	int ret;

	if (sock < 0)
		return -errno;
	mem = mmap(NULL, XSK_PINS * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED) {
		ret = -errno;
		goto err_close;
	}
	ret = set_up(sock, mem);
	/* what is pinned stays */
	munmap(mem, XSK_PINS * PAGE);
	if (!ret && bind(sock, (const void *)&addr, sizeof(addr)))
		ret = -errno;
	if (!ret)
		return sock;
err_close:
	close(sock);
	return ret;
}
