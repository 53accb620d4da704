// SPDX-License-Identifier: GPL-2.0
/* the kernel's header has one of its own */
#define __iovec_defined 1
#include <linux/uio.h>
#include <errno.h>
#include <sys/socket.h>

#include "devmem.h"

/* As many as the kernel takes in one go. */
#define TOKENS_A_CALL	128
#define LINEAR_LEN	(256 * 1024)

static struct dmabuf_token tokens[DEVMEM_MAX_PIECES];

static int give_back(struct devmem *dm, unsigned int nr)
{
	unsigned int done, n;

	for (done = 0; done < nr; done += n) {
		n = nr - done < TOKENS_A_CALL ? nr - done : TOKENS_A_CALL;
		dm->syscalls++;
		dm->publishes++;
		/* returns how many buffers it released */
		if (setsockopt(dm->sock, SOL_SOCKET, SO_DEVMEM_DONTNEED,
			       tokens + done, n * sizeof(*tokens)) != (int)n)
			return -EPROTO;
	}
	dm->returned += nr;
	return 0;
}

/* A piece that lies in the dma-buf. */
static int take(struct devmem *dm, const struct dmabuf_cmsg *piece,
		struct dmabuf_token *token)
{
	if (piece->dmabuf_id != dm->dmabuf_id)
		return -EPROTO;
	if (piece->frag_offset > dm->area->len ||
	    piece->frag_size > dm->area->len - piece->frag_offset)
		return -ERANGE;
	*token = (struct dmabuf_token) {
		.token_start = piece->frag_token,
		.token_count = 1,
	};
	return dm->take(dm->arg, dm->area->base + piece->frag_offset,
			piece->frag_size);
}

ssize_t devmem_receive(struct devmem *dm)
{
	static char linear[LINEAR_LEN];
	static char control[DEVMEM_MAX_PIECES *
			    CMSG_SPACE(sizeof(struct dmabuf_cmsg))]
		__attribute__((aligned(__alignof__(struct cmsghdr))));
	struct iovec iov = { linear, sizeof(linear) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const char *next_linear = linear;
	unsigned int nr_tokens = 0;
	struct cmsghdr *cmsg;
	ssize_t len;
	int ret = 0;

	len = recvmsg(dm->sock, &msg, MSG_SOCK_DEVMEM);
	dm->syscalls++;
	if (len < 0)
		return -errno;
	if (msg.msg_flags & MSG_CTRUNC)
		return -EMSGSIZE;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg && !ret;
	     cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		const struct dmabuf_cmsg *piece = (void *)CMSG_DATA(cmsg);

		if (cmsg->cmsg_level != SOL_SOCKET)
			return -EPROTO;
		if (cmsg->cmsg_type == SO_DEVMEM_DMABUF) {
			ret = take(dm, piece, &tokens[nr_tokens++]);
		} else if (cmsg->cmsg_type == SO_DEVMEM_LINEAR) {
			ret = dm->take(dm->arg, next_linear, piece->frag_size);
			next_linear += piece->frag_size;
			dm->linear += piece->frag_size;
		} else {
			return -EPROTO;
		}
	}
	if (!ret)
		ret = give_back(dm, nr_tokens);
	return ret ? ret : len;
}
