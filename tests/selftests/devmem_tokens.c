// SPDX-License-Identifier: GPL-2.0
/*
 * The tokens of socket devmem: each stands for a buffer that the user keeps,
 * and is given back by number. What is asked for is given back, once, whatever
 * else the call names; what fails to be told to the user stays in the stream.
 */
/* the kernel's header has one of its own */
#define __iovec_defined 1
#include <linux/uio.h>
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/devmem_rx.h"
#include "lib/netdev.h"
#include "lib/pins.h"
#include "lib/prng.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		240
#define PAGE		4096
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define BUFFERS		(AREA_LEN / PAGE)
/* No buffer has more than an MTU in it: each is used several times. */
#define STREAM_LEN	(16 * MIB)

/* No header of user space has this one. */
#define ETOOSMALL	525

/* What one call may name, and give back. */
#define TOKENS_MAX	128
#define FRAGS_MAX	1024
/* More than one call gives back, and not all that there are. */
#define KEPT		1100
/* A loop over all numbers takes minutes, with nothing to be found there. */
#define AT_ONCE_MS	5000

/* A control buffer for one piece, and for many. */
#define ONE_PIECE	CMSG_SPACE(sizeof(struct dmabuf_cmsg))
#define PIECES		64

#define ROUNDS		300
#define ROUND_LEN	(24 * 1024)
#define SOON		1000	/* turns of an empty loop */

static struct stream stream;

/* What was received, and not given back. */
struct piece {
	__u64 at;	/* of the stream */
	__u64 offset;	/* in the dma-buf */
	__u32 len;
	__u32 token;
};

struct keeper {
	int sock;
	const struct area *area;
	__u32 dmabuf_id;
	__u64 bytes;	/* of the stream */
	unsigned int nr;
	struct piece kept[2 * BUFFERS];
};

static bool piece_right(const struct keeper *k, const struct piece *p)
{
	__u64 at = p->at;

	return !devmem_rx_check(&stream, &at, k->area->base + p->offset,
				p->len);
}

/* Keeps what a message brought. Returns 0 or -errno. */
static int keep(struct keeper *k, struct msghdr *msg, __u64 *at)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		const struct dmabuf_cmsg *told = (void *)CMSG_DATA(cmsg);
		struct piece *p = &k->kept[k->nr];

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SO_DEVMEM_DMABUF ||
		    told->dmabuf_id != k->dmabuf_id)
			return -EPROTO;
		if (told->frag_offset > k->area->len ||
		    told->frag_size > k->area->len - told->frag_offset ||
		    k->nr == ARRAY_SIZE(k->kept))
			return -ERANGE;
		*p = (struct piece) {
			.at = *at,
			.offset = told->frag_offset,
			.len = told->frag_size,
			.token = told->frag_token,
		};
		if (!piece_right(k, p))
			return -EILSEQ;
		*at += p->len;
		k->nr++;
	}
	return 0;
}

/*
 * One recvmsg(), with that room for what it tells. Returns how many bytes it
 * brought, or -errno: -EMSGSIZE if something was cut off.
 */
static ssize_t receive_into(int sock, struct msghdr *msg, void *control,
			    size_t room, int flags)
{
	static char linear[64 * 1024];
	static struct iovec iov = { linear, sizeof(linear) };
	ssize_t len;

	*msg = (struct msghdr) {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = room,
	};
	len = recvmsg(sock, msg, MSG_SOCK_DEVMEM | MSG_DONTWAIT | flags);
	if (len < 0)
		return -errno;
	return msg->msg_flags & MSG_CTRUNC ? -EMSGSIZE : len;
}

/* The same, and keeps what came. */
static ssize_t take_into(struct keeper *k, void *control, size_t room,
			 int flags)
{
	__u64 at = k->bytes;
	struct msghdr msg;
	ssize_t len;
	int ret;

	len = receive_into(k->sock, &msg, control, room, flags);
	if (len < 0)
		return len;
	ret = keep(k, &msg, &at);
	if (!ret && at != k->bytes + len)
		ret = -EPROTO;
	if (!(flags & MSG_PEEK))
		k->bytes = at;
	return ret ? ret : len;
}

static ssize_t take(struct keeper *k, size_t room, int flags)
{
	static char control[PIECES * ONE_PIECE]
		__attribute__((aligned(__alignof__(struct cmsghdr))));

	return take_into(k, control, room, flags);
}

static int wait_for_data(int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };

	return poll(&pfd, 1, WIRE_PATIENCE_MS) == 1 ? 0 : -ETIMEDOUT;
}

/* Receives until that many pieces are kept. Returns 0 or -errno. */
static int keep_until(struct keeper *k, unsigned int nr)
{
	while (k->nr < nr) {
		ssize_t ret = wait_for_data(k->sock);

		if (!ret)
			ret = take(k, PIECES * ONE_PIECE, 0);
		if (ret <= 0)
			return ret ? ret : -ENODATA;
	}
	return 0;
}

static int give_back_all(int sock, const void *tokens, size_t len)
{
	int ret = setsockopt(sock, SOL_SOCKET, SO_DEVMEM_DONTNEED, tokens, len);

	return ret < 0 ? -errno : ret;
}

/* Returns how many buffers the kernel says were given back, or -errno. */
static int give_back(int sock, __u32 start, __u32 count)
{
	struct dmabuf_token token = {
		.token_start = start,
		.token_count = count,
	};

	return give_back_all(sock, &token, sizeof(token));
}

/* Strikes those off that the numbers name. Returns how many they were. */
static int strike_off(struct keeper *k, __u32 start, __u32 count)
{
	unsigned int i, left = 0, nr = k->nr;

	for (i = 0; i < nr; i++)
		if (k->kept[i].token - start >= count)
			k->kept[left++] = k->kept[i];
	k->nr = left;
	return nr - left;
}

/*
 * What is kept has not been touched, and is given back one by one. Returns how
 * many there were, or -errno.
 */
static int give_back_kept(struct keeper *k)
{
	unsigned int i;

	for (i = 0; i < k->nr; i++) {
		const struct piece *p = &k->kept[i];

		if (!piece_right(k, p))
			return -EILSEQ;
		if (give_back(k->sock, p->token, 1) != 1)
			return -ENOENT;
	}
	k->nr = 0;
	return i;
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

FIXTURE(tokens)
{
	unsigned int ifindex;
	long pins;
	struct area area;
	int binding;
	struct wire wire;
	struct keeper k;
};

FIXTURE_SETUP(tokens)
{
	const char *failed;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	self->pins = pins_now();
	stream_init(&stream, 14);
	ASSERT_EQ(0, area_open(&self->area, AREA_UDMABUF, AREA_LEN, &failed))
		TH_LOG("%s failed", failed);
	self->binding = netdev_bind_rx(self->ifindex, WIRE_RXQ,
				       self->area.dmabuf_fd,
				       &self->k.dmabuf_id);
	ASSERT_LE(0, self->binding);
	self->k.area = &self->area;
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
	self->k.sock = self->wire.sock;
}

/*
 * No buffer is lost: the stream goes on, which uses each of them again, and a
 * pool waits for the last of its own.
 */
FIXTURE_TEARDOWN(tokens)
{
	struct devmem_rx rx = { .dm.dmabuf_id = self->k.dmabuf_id };

	EXPECT_LE(0, give_back_kept(&self->k));
	devmem_rx_init(&rx, self->wire.sock, &self->area, &stream);
	rx.bytes = self->k.bytes;
	EXPECT_EQ(0, devmem_rx_all(&rx));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(0, rx.dm.linear);
	EXPECT_EQ(0, wire_close(&self->wire));
	close(self->binding);
	area_close(&self->area);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(self->pins, pins_wait(self->pins, WIRE_PATIENCE_MS));
}

/* The kernel looks 1024 numbers up, and goes no further. */
TEST_F_TIMEOUT(tokens, more_than_it_gives_back, TIMEOUT)
{
	struct keeper *k = &self->k;
	__u32 first;
	int gone;

	ASSERT_EQ(0, keep_until(k, KEPT));
	first = k->kept[0].token;
	EXPECT_EQ(FRAGS_MAX, give_back(k->sock, first, UINT32_MAX));
	gone = strike_off(k, first, FRAGS_MAX);
	EXPECT_EQ(FRAGS_MAX, gone);
	EXPECT_EQ(0, give_back(k->sock, first, FRAGS_MAX));
	EXPECT_LE(KEPT - FRAGS_MAX, give_back_kept(k));
}

/* The limit is one of the call, not of each token that it names. */
TEST_F_TIMEOUT(tokens, more_in_all, TIMEOUT)
{
	struct dmabuf_token tokens[TOKENS_MAX];
	const unsigned int each = FRAGS_MAX / TOKENS_MAX + 1;
	struct keeper *k = &self->k;
	__u32 first;
	int i;

	ASSERT_EQ(0, keep_until(k, KEPT));
	first = k->kept[0].token;
	for (i = 0; i < TOKENS_MAX; i++)
		tokens[i] = (struct dmabuf_token) {
			.token_start = first + i * each,
			.token_count = each,
		};
	EXPECT_EQ(FRAGS_MAX, give_back_all(k->sock, tokens, sizeof(tokens)));
	EXPECT_EQ(FRAGS_MAX, strike_off(k, first, FRAGS_MAX));
	EXPECT_LE(KEPT - FRAGS_MAX, give_back_kept(k));
}

/* Nothing is there, so nothing is given back, and soon. */
TEST_F_TIMEOUT(tokens, numbers_of_none, TIMEOUT)
{
	struct dmabuf_token tokens[TOKENS_MAX];
	struct keeper *k = &self->k;
	long long start;
	int i;

	ASSERT_EQ(0, keep_until(k, 2 * PIECES));
	for (i = 0; i < TOKENS_MAX; i++)
		tokens[i] = (struct dmabuf_token) {
			.token_start = (1U << 31) + i,
			.token_count = UINT32_MAX,
		};
	start = now_ms();
	EXPECT_EQ(0, give_back_all(k->sock, tokens, sizeof(tokens)));
	EXPECT_GT(AT_ONCE_MS, now_ms() - start);
	EXPECT_LE(2 * PIECES, give_back_kept(k));
}

/*
 * Behind the last number comes the first again: as many as are looked up, and
 * none that lies behind them.
 */
TEST_F_TIMEOUT(tokens, numbers_go_round, TIMEOUT)
{
	const __u32 start = UINT32_MAX - (FRAGS_MAX - PIECES - 1);
	struct dmabuf_token tokens[TOKENS_MAX];
	struct keeper *k = &self->k;
	int i, named;

	ASSERT_EQ(0, keep_until(k, 2 * PIECES));
	for (i = 0; i < TOKENS_MAX; i++)
		tokens[i] = (struct dmabuf_token) {
			.token_start = start,
			.token_count = UINT32_MAX,
		};
	named = strike_off(k, start, FRAGS_MAX);
	EXPECT_LT(0, named);
	EXPECT_LT(0, k->nr);
	EXPECT_EQ(named, give_back_all(k->sock, tokens, sizeof(tokens)));
	EXPECT_LT(0, give_back_kept(k));
}

/* What is refused gives nothing back. */
TEST_F_TIMEOUT(tokens, refused, TIMEOUT)
{
	struct dmabuf_token tokens[TOKENS_MAX + 1];
	struct keeper *k = &self->k;
	int i, udp;

	ASSERT_EQ(0, keep_until(k, PIECES));
	for (i = 0; i <= TOKENS_MAX; i++)
		tokens[i] = (struct dmabuf_token) {
			.token_start = k->kept[0].token,
			.token_count = PIECES,
		};
	EXPECT_EQ(-EINVAL, give_back_all(k->sock, tokens, sizeof(tokens)));
	EXPECT_EQ(-EINVAL, give_back_all(k->sock, tokens, 0));
	EXPECT_EQ(-EINVAL, give_back_all(k->sock, tokens,
					 sizeof(*tokens) / 2));
	EXPECT_EQ(-EINVAL, give_back_all(k->sock, tokens,
					 sizeof(*tokens) + 1));
	EXPECT_EQ(-EINVAL, give_back_all(k->sock, tokens,
					 TOKENS_MAX * sizeof(*tokens) - 1));
	EXPECT_EQ(-EFAULT, give_back_all(k->sock, NULL, sizeof(*tokens)));
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	EXPECT_EQ(-EBADF, give_back_all(udp, tokens, sizeof(*tokens)));
	close(udp);
	EXPECT_LE(PIECES, give_back_kept(k));
}

/* A number is worth a buffer once, and for the socket that it came from. */
TEST_F_TIMEOUT(tokens, given_back_twice, TIMEOUT)
{
	struct dmabuf_token tokens[TOKENS_MAX];
	struct keeper *k = &self->k;
	struct wire other;
	__u32 first;
	int i;

	ASSERT_EQ(0, keep_until(k, PIECES));
	first = k->kept[0].token;
	EXPECT_EQ(0, give_back(k->sock, first, 0));
	ASSERT_EQ(0, wire_open(&other, WIRE_V4, &stream, MIB, true));
	EXPECT_EQ(0, give_back(other.sock, first, PIECES));
	EXPECT_EQ(0, wire_close(&other));

	EXPECT_EQ(1, give_back(k->sock, first, 1));
	EXPECT_EQ(0, give_back(k->sock, first, 1));
	EXPECT_EQ(1, strike_off(k, first, 1));

	/* and within one call */
	for (i = 0; i < TOKENS_MAX; i++)
		tokens[i] = (struct dmabuf_token) {
			.token_start = first,
			.token_count = 2,
		};
	EXPECT_EQ(1, give_back_all(k->sock, tokens, sizeof(tokens)));
	EXPECT_EQ(1, strike_off(k, first, 2));
	EXPECT_LE(PIECES - 2, give_back_kept(k));
}

/*
 * A piece that there is no room to tell of, not even for its last byte, is not
 * taken from the stream, and nothing is kept for it: more often than there are
 * buffers.
 */
TEST_F_TIMEOUT(tokens, no_room_to_tell, TIMEOUT)
{
	struct keeper *k = &self->k;
	unsigned int i, failed = 0;

	ASSERT_EQ(0, wait_for_data(k->sock));
	EXPECT_EQ(-ETOOSMALL, take_into(k, NULL, 0, 0));
	EXPECT_EQ(-ETOOSMALL, take(k, 0, 0));
	EXPECT_EQ(-ETOOSMALL, take(k, sizeof(struct cmsghdr), 0));
	for (i = 0; i < BUFFERS + BUFFERS / 4; i++) {
		__u64 before = k->bytes;

		ASSERT_EQ(0, wait_for_data(k->sock));
		failed += take(k, ONE_PIECE - 1, 0) == -ETOOSMALL;
		/* one, and a byte too few for the next */
		ASSERT_LT(0, take(k, 2 * ONE_PIECE - 1, 0));
		ASSERT_LT(before, k->bytes);
		ASSERT_EQ(1, give_back_kept(k));
	}
	EXPECT_EQ(i, failed);
}

/* The same, where there is room that cannot be written to. */
TEST_F_TIMEOUT(tokens, nobody_to_tell, TIMEOUT)
{
	struct keeper *k = &self->k;
	unsigned int i, failed = 0;
	char *mem;

	mem = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, mprotect(mem + PAGE, PAGE, PROT_NONE));
	for (i = 0; i < BUFFERS + BUFFERS / 4; i++) {
		ASSERT_EQ(0, wait_for_data(k->sock));
		failed += take_into(k, mem + PAGE, PAGE, 0) == -EFAULT;
		/* the second is one too many */
		ASSERT_LT(0, take_into(k, mem + PAGE - ONE_PIECE,
				       PIECES * ONE_PIECE, 0));
		ASSERT_EQ(1, give_back_kept(k));
	}
	EXPECT_EQ(i, failed);
	munmap(mem, 2 * PAGE);
}

/* What was only looked at has tokens of its own, and stays in the stream. */
TEST_F_TIMEOUT(tokens, looked_at, TIMEOUT)
{
	struct keeper *k = &self->k;
	unsigned int i;
	int held;

	for (i = 0; i < BUFFERS / 8; i++) {
		ASSERT_EQ(0, wait_for_data(k->sock));
		ASSERT_LT(0, take(k, PIECES * ONE_PIECE, MSG_PEEK));
		ASSERT_LT(0, take(k, PIECES * ONE_PIECE, 0));
		held = k->nr;
		/* in the order that they came in */
		ASSERT_EQ(held, give_back_kept(k));
	}
}

/*
 * Another thread guesses numbers while they are about to be told: what was not
 * told is nobody's to give back. All that was told is given back, by either, and
 * nothing else. The buffers may be used again before one can look at them.
 */
struct guesser {
	int sock;
	atomic_bool end;
	__u64 gave;
	int err;
};

static void *guess(void *arg)
{
	struct guesser *g = arg;

	while (!g->end && !g->err) {
		int ret = give_back(g->sock, 0, FRAGS_MAX);

		if (ret < 0)
			g->err = ret;
		else
			g->gave += ret;
	}
	return NULL;
}

/* Returns how many pieces a message told of, which takes a page fault, or -errno. */
static int count_pieces(int sock, void *control, __u64 *bytes)
{
	struct cmsghdr *cmsg;
	struct msghdr msg;
	int pieces = 0;
	ssize_t len;

	madvise(control, PAGE, MADV_DONTNEED);
	len = receive_into(sock, &msg, control, PIECES * ONE_PIECE, 0);
	if (len < 0)
		return len;
	*bytes += len;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg))
		pieces++;
	return pieces;
}

TEST_F_TIMEOUT(tokens, guessed, TIMEOUT)
{
	struct guesser g = { .sock = self->wire.sock };
	struct keeper *k = &self->k;
	unsigned int told = 0, left;
	pthread_t thread;
	void *control;

	control = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, control);
	ASSERT_EQ(0, pthread_create(&thread, NULL, guess, &g));
	while (k->bytes < STREAM_LEN / 2) {
		int ret = wait_for_data(k->sock);

		if (!ret)
			ret = count_pieces(k->sock, control, &k->bytes);
		EXPECT_LT(0, ret);
		if (ret <= 0)
			break;
		told += ret;
	}
	g.end = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, g.err);
	EXPECT_LT(0, g.gave);
	for (left = 0; left < told; left += FRAGS_MAX)
		g.gave += give_back(k->sock, left, FRAGS_MAX);
	EXPECT_EQ(told, g.gave);
	munmap(control, PAGE);
}

/*
 * Another thread gives back while the socket closes, which gives back what is
 * left. It waits in the middle, to be there when that happens.
 */
struct giver {
	int sock;
	const struct keeper *k;
	atomic_bool waits, go;
	unsigned int gave;
};

static void *give_until_closed(void *arg)
{
	struct giver *g = arg;
	unsigned int i = 0;
	int ret;

	do {
		if (i == g->k->nr / 2) {
			g->waits = true;
			while (!g->go)
				;
		}
		ret = give_back(g->sock, g->k->kept[i++ % g->k->nr].token, 1);
		if (ret > 0)
			g->gave += ret;
	} while (ret >= 0);
	return (void *)(long)ret;
}

static int send_rounds(void *arg)
{
	const struct peer_send *job = arg;
	static char buf[ROUND_LEN];
	char end;
	int i, fd;

	stream_fill(job->stream, 0, buf, sizeof(buf));
	for (i = 0; i < ROUNDS; i++) {
		fd = tcp_connect(job->addr, job->port);
		if (fd < 0)
			return 1;
		/* the receiver may be gone, and not have read all of it */
		tcp_send_all(fd, buf, sizeof(buf));
		recv(fd, &end, 1, 0);
		close(fd);
	}
	return 0;
}

/* Closes soon after the other thread goes on. Returns 0 or -errno. */
static int close_meanwhile(struct giver *g, unsigned int soon)
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, give_until_closed, g))
		return -EAGAIN;
	while (!g->waits)
		;
	g->go = true;
	while (soon--)
		atomic_signal_fence(memory_order_seq_cst);
	close(g->sock);
	pthread_join(thread, &result);
	return (long)result == -EBADF ? 0 : (long)result;
}

TEST_F_TIMEOUT(tokens, closed_meanwhile, TIMEOUT)
{
	struct peer_send job = { .stream = &stream, .addr = WIRE_V4 };
	unsigned int amid = 0;
	static struct keeper k;
	struct prng rng;
	int i, listener;
	pid_t peer;

	prng_init(&rng, 14, 0);
	listener = tcp_listen(WIRE_V4, 0);
	ASSERT_LE(0, listener);
	job.port = tcp_port(listener);
	peer = peer_start(send_rounds, &job);
	ASSERT_LT(0, peer);
	k.area = &self->area;
	k.dmabuf_id = self->k.dmabuf_id;
	for (i = 0; i < ROUNDS; i++) {
		struct giver g = { .k = &k };

		k.bytes = 0;
		k.nr = 0;
		k.sock = tcp_accept(listener, WIRE_PATIENCE_MS);
		ASSERT_LE(0, k.sock);
		/* in every other round there is more to come */
		ASSERT_EQ(0, keep_until(&k, i % 2 ? ROUND_LEN / 1500 : 1));
		g.sock = k.sock;
		ASSERT_EQ(0, close_meanwhile(&g, prng_below(&rng, SOON)));
		amid += g.gave && g.gave < k.nr;
	}
	close(listener);
	EXPECT_EQ(0, peer_wait(peer));
	/* the end came while buffers were given back, and in many */
	EXPECT_LT(ROUNDS / 10, amid);
	TH_LOG("in %u of %u rounds", amid, ROUNDS);
}

TEST_HARNESS_MAIN
