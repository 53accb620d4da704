// SPDX-License-Identifier: GPL-2.0
/* Socket devmem into a udmabuf. */
/* the kernel's header has one of its own */
#define __iovec_defined 1
#include <linux/uio.h>
#include <errno.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "area.h"
#include "lib/netdev.h"
#include "method.h"
#include "queue.h"

#define PATIENCE_MS	20000
/* No header of user space has this one. */
#define MSG_SOCK_DEVMEM	0x2000000

/* As many as the kernel takes in one go; one recvmsg() may bring more. */
#define TOKENS_A_CALL	128
#define MAX_TOKENS	4096

static struct area area;
static int binding = -1;
static struct dmabuf_token tokens[MAX_TOKENS];
static unsigned int nr_tokens;

static int setup(struct bench *b)
{
	unsigned int ifindex = if_nametoindex(BENCH_IF);
	__u32 id;
	int ret;

	b->failed = "wait for the queue";
	ret = queue_wait_free(ifindex, BENCH_RXQ, PATIENCE_MS);
	if (ret)
		return ret;
	ret = area_open(&area, AREA_UDMABUF, b->area_len, &b->failed);
	if (ret)
		return ret;
	b->failed = "binding of the dma-buf";
	binding = netdev_bind_rx(ifindex, BENCH_RXQ, area.dmabuf_fd, &id);
	if (binding < 0) {
		area_close(&area);
		return binding;
	}
	return 0;
}

static int give_back(struct bench *b)
{
	unsigned int done, n;

	for (done = 0; done < nr_tokens; done += n) {
		n = nr_tokens - done;
		if (n > TOKENS_A_CALL)
			n = TOKENS_A_CALL;
		b->n.syscalls++;
		b->n.publishes++;
		/* returns how many buffers it released */
		if (setsockopt(b->sock, SOL_SOCKET, SO_DEVMEM_DONTNEED,
			       tokens + done, n * sizeof(*tokens)) != (int)n)
			return -EPROTO;
	}
	b->n.returned += nr_tokens;
	nr_tokens = 0;
	return 0;
}

static int take(struct bench *b, const struct dmabuf_cmsg *piece)
{
	if (nr_tokens == MAX_TOKENS || piece->frag_offset > area.len ||
	    piece->frag_size > area.len - piece->frag_offset)
		return -EPROTO;
	tokens[nr_tokens++] = (struct dmabuf_token) {
		.token_start = piece->frag_token,
		.token_count = 1,
	};
	return bench_take(b, area.base + piece->frag_offset, piece->frag_size);
}

static int receive_once(struct bench *b)
{
	static char linear[256 * 1024], control[256 * 1024];
	struct iovec iov = { linear, sizeof(linear) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const char *next_linear = linear;
	struct cmsghdr *cmsg;
	ssize_t len;
	int ret = 0;

	len = recvmsg(b->sock, &msg, MSG_SOCK_DEVMEM);
	b->n.syscalls++;
	if (len <= 0)
		return len ? -errno : -EPIPE;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg && !ret;
	     cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		const struct dmabuf_cmsg *piece = (void *)CMSG_DATA(cmsg);

		if (cmsg->cmsg_level != SOL_SOCKET)
			return -EPROTO;
		if (cmsg->cmsg_type == SO_DEVMEM_DMABUF) {
			ret = take(b, piece);
		} else if (cmsg->cmsg_type == SO_DEVMEM_LINEAR) {
			ret = bench_take(b, next_linear, piece->frag_size);
			next_linear += piece->frag_size;
			b->n.copied += piece->frag_size;
		} else {
			return -EPROTO;
		}
	}
	return ret ? ret : give_back(b);
}

static int receive(struct bench *b, uint64_t until)
{
	int ret = 0;

	while (!ret && b->n.bytes < until)
		ret = receive_once(b);
	return ret;
}

static void close_devmem(struct bench *b)
{
	(void)b;
	close(binding);
	area_close(&area);
}

const struct bench_method method_devmem = {
	.name = "socket devmem, udmabuf",
	.setup = setup,
	.receive = receive,
	.close = close_devmem,
};
