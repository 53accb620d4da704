// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_OP_RECV_ZC on what is no TCP connection: the error of each, with a
 * good id and with an unknown one, and that nothing was taken out of it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/recv.h"
#include "tcp.h"

#define TIMEOUT		60
#define KIB		1024
#define SENT		(40 * KIB)
#define UNKNOWN_ID	1
#define WORD		"not by zero copy"

static struct stream stream;

/*
 * What a request is made on. The first of fd is that; the second, if there is
 * one, is the other end, and WORD was written to it.
 */
struct subject {
	const char *name;
	int result;
	int (*open)(int fd[2]);
};

/* Both ends of what a listening socket of that protocol connects. */
static int connect_pair(int fd[2], int protocol_here, int protocol_there)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(a);
	int listener;

	listener = socket(AF_INET, SOCK_STREAM, protocol_here);
	if (listener < 0)
		return -errno;
	fd[1] = socket(AF_INET, SOCK_STREAM, protocol_there);
	if (fd[1] < 0 ||
	    bind(listener, (void *)&a, len) || listen(listener, 1) ||
	    getsockname(listener, (void *)&a, &len) ||
	    connect(fd[1], (void *)&a, len))
		return -errno;
	fd[0] = tcp_accept(listener, WIRE_PATIENCE_MS);
	close(listener);
	return fd[0] < 0 ? fd[0] : 0;
}

static int open_mptcp(int fd[2])
{
	return connect_pair(fd, IPPROTO_MPTCP, IPPROTO_MPTCP);
}

static int open_udp_of(int fd[2], int family)
{
	struct sockaddr_in6 a = {};
	socklen_t len = sizeof(a);

	fd[0] = socket(family, SOCK_DGRAM, 0);
	fd[1] = socket(family, SOCK_DGRAM, 0);
	a.sin6_family = family;
	/* any address: connecting to that is connecting to loopback */
	if (fd[0] < 0 || fd[1] < 0 || bind(fd[0], (void *)&a, len) ||
	    getsockname(fd[0], (void *)&a, &len) ||
	    connect(fd[1], (void *)&a, len))
		return -errno;
	return 0;
}

static int open_udp(int fd[2])
{
	return open_udp_of(fd, AF_INET);
}

static int open_udp6(int fd[2])
{
	return open_udp_of(fd, AF_INET6);
}

static int open_unix(int fd[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fd) ? -errno : 0;
}

static int open_unix_datagram(int fd[2])
{
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) ? -errno : 0;
}

static int just(int fd)
{
	return fd < 0 ? -errno : 0;
}

static int open_raw(int fd[2])
{
	fd[0] = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	return just(fd[0]);
}

static int open_netlink(int fd[2])
{
	fd[0] = socket(AF_NETLINK, SOCK_RAW, 0);
	return just(fd[0]);
}

static int open_packet(int fd[2])
{
	fd[0] = socket(AF_PACKET, SOCK_RAW, 0);
	return just(fd[0]);
}

static int open_mptcp_fresh(int fd[2])
{
	fd[0] = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	return just(fd[0]);
}

static int open_pipe(int fd[2])
{
	return pipe(fd) ? -errno : 0;
}

static int open_file(int fd[2])
{
	fd[0] = memfd_create("file", 0);
	return just(fd[0]);
}

static int open_directory(int fd[2])
{
	fd[0] = open("/", O_RDONLY | O_DIRECTORY);
	return just(fd[0]);
}

static int open_eventfd(int fd[2])
{
	fd[0] = eventfd(0, 0);
	return just(fd[0]);
}

static int open_epoll(int fd[2])
{
	fd[0] = epoll_create1(0);
	return just(fd[0]);
}

static int open_none(int fd[2])
{
	fd[0] = -1;
	return 0;
}

/* a number that was a file's, and is not any more */
static int open_closed(int fd[2])
{
	fd[0] = eventfd(0, 0);
	return fd[0] < 0 || close(fd[0]) ? -errno : 0;
}

static int open_path(int fd[2])
{
	fd[0] = open("/", O_PATH);
	return just(fd[0]);
}

static int open_tcp(int fd[2])
{
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	return just(fd[0]);
}

static int open_tcp6(int fd[2])
{
	fd[0] = socket(AF_INET6, SOCK_STREAM, 0);
	return just(fd[0]);
}

static int open_listening(int fd[2])
{
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	return fd[0] < 0 || listen(fd[0], 1) ? -errno : 0;
}

/* It was connected. */
static int open_disconnected(int fd[2])
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	socklen_t len = sizeof(int);
	int both[2], err;
	int ret = recv_connect(both);

	if (ret)
		return ret;
	close(both[1]);
	fd[0] = both[0];
	/* that it is so counts as a reset, which is told once */
	return connect(fd[0], &none, sizeof(none)) ||
	       getsockopt(fd[0], SOL_SOCKET, SO_ERROR, &err, &len) ? -errno : 0;
}

static const struct subject subject[] = {
	{ "UDP", -EPROTONOSUPPORT, open_udp },
	{ "UDP over IPv6", -EPROTONOSUPPORT, open_udp6 },
	{ "Unix stream", -EPROTONOSUPPORT, open_unix },
	{ "Unix datagram", -EPROTONOSUPPORT, open_unix_datagram },
	{ "MPTCP", -EPROTONOSUPPORT, open_mptcp },
	{ "fresh MPTCP", -EPROTONOSUPPORT, open_mptcp_fresh },
	{ "raw", -EPROTONOSUPPORT, open_raw },
	{ "netlink", -EPROTONOSUPPORT, open_netlink },
	{ "packet", -EPROTONOSUPPORT, open_packet },
	{ "pipe", -ENOTSOCK, open_pipe },
	{ "regular file", -ENOTSOCK, open_file },
	{ "directory", -ENOTSOCK, open_directory },
	{ "eventfd", -ENOTSOCK, open_eventfd },
	{ "epoll", -ENOTSOCK, open_epoll },
	{ "no file", -EBADF, open_none },
	{ "closed file", -EBADF, open_closed },
	{ "path", -EBADF, open_path },
	{ "fresh TCP", -ENOTCONN, open_tcp },
	{ "fresh TCP over IPv6", -ENOTCONN, open_tcp6 },
	{ "listening TCP", -ENOTCONN, open_listening },
	{ "disconnected TCP", -ENOTCONN, open_disconnected },
};

FIXTURE(sockets)
{
	struct recv_pair p;
	int fd[2];
};

FIXTURE_SETUP(sockets)
{
	stream_init(&stream, 84);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
}

/* The ring is as good as it was. */
FIXTURE_TEARDOWN(sockets)
{
	EXPECT_QUIET(&self->p.zc);
	EXPECT_EQ(0, self->p.rx.bytes);
	EXPECT_EQ(0, recv_pair_send(&self->p, SENT));
	EXPECT_EQ(0, recv_pair_finish(&self->p));
	recv_pair_close(&self->p);
}

/* Opens the next subject, with WORD in it if it has another end. */
static int next_subject(int fd[2], const struct subject *s, bool quiet)
{
	int ret;

	fd[0] = -1;
	fd[1] = -1;
	ret = s->open(fd);
	if (!ret && fd[1] >= 0 && !quiet &&
	    write(fd[1], WORD, sizeof(WORD)) != sizeof(WORD))
		ret = -EIO;
	return ret;
}

/* Does WORD come out of it? */
static bool holds_word(int fd[2])
{
	char word[sizeof(WORD)] = {};

	return fd[1] < 0 || (read(fd[0], word, sizeof(word)) == sizeof(word) &&
			     !memcmp(word, WORD, sizeof(word)));
}

static void close_subject(int fd[2])
{
	if (fd[0] >= 0)
		close(fd[0]);
	if (fd[1] >= 0)
		close(fd[1]);
}

/* The request's result, -EPROTO if it did not end with one completion. */
static int result(struct recv_pair *p, int fd, __u32 id)
{
	struct io_uring_sqe sqe = recv_sqe(p);
	union recv_cqe c = {};
	int ret;

	sqe.fd = fd;
	sqe.zcrx_ifq_idx = id;
	ret = zc_submit(&p->zc, &sqe, 1);
	if (!ret)
		ret = recv_next(&p->zc, &c, RECV_SOON_MS);
	if (ret)
		return ret;
	return c.cqe.flags || c.cqe.user_data != p->rx.id ? -EPROTO :
							    c.cqe.res;
}

TEST_F_TIMEOUT(sockets, with_a_good_id, TIMEOUT)
{
	const struct subject *s;

	for (s = subject; s < subject + ARRAY_SIZE(subject); s++) {
		EXPECT_EQ(0, next_subject(self->fd, s, false))
			TH_LOG("%s", s->name);
		EXPECT_EQ(s->result, result(&self->p, self->fd[0], 0))
			TH_LOG("%s", s->name);
		EXPECT_EQ(true, holds_word(self->fd)) TH_LOG("%s", s->name);
		close_subject(self->fd);
	}
}

/* Without anything to read, too: it is not waited for. */
TEST_F_TIMEOUT(sockets, that_are_quiet, TIMEOUT)
{
	const struct subject *s;

	for (s = subject; s < subject + ARRAY_SIZE(subject); s++) {
		EXPECT_EQ(0, next_subject(self->fd, s, true))
			TH_LOG("%s", s->name);
		EXPECT_EQ(s->result, result(&self->p, self->fd[0], 0))
			TH_LOG("%s", s->name);
		close_subject(self->fd);
	}
}

/* The id is looked up before the file is. */
TEST_F_TIMEOUT(sockets, with_an_unknown_id, TIMEOUT)
{
	const struct subject *s;

	for (s = subject; s < subject + ARRAY_SIZE(subject); s++) {
		EXPECT_EQ(0, next_subject(self->fd, s, false))
			TH_LOG("%s", s->name);
		EXPECT_EQ(-EINVAL, result(&self->p, self->fd[0], UNKNOWN_ID))
			TH_LOG("%s", s->name);
		EXPECT_EQ(true, holds_word(self->fd)) TH_LOG("%s", s->name);
		close_subject(self->fd);
	}
}

/* A request that polls first finds out when there is something to read. */
TEST_F_TIMEOUT(sockets, poll_first, TIMEOUT)
{
	struct io_uring_sqe sqe = recv_sqe(&self->p);
	const struct subject *s;

	sqe.ioprio |= IORING_RECVSEND_POLL_FIRST;
	for (s = subject; s < subject + ARRAY_SIZE(subject); s++) {
		EXPECT_EQ(0, next_subject(self->fd, s, true))
			TH_LOG("%s", s->name);
		sqe.fd = self->fd[0];
		if (self->fd[1] >= 0) {
			ASSERT_EQ(0, zc_submit(&self->p.zc, &sqe, 1));
			EXPECT_QUIET(&self->p.zc);
			EXPECT_EQ(sizeof(WORD), write(self->fd[1], WORD,
						      sizeof(WORD)));
			EXPECT_RESULT(&self->p.zc, sqe.user_data, s->result);
			EXPECT_EQ(true, holds_word(self->fd))
				TH_LOG("%s", s->name);
		}
		close_subject(self->fd);
	}
}

/* No file, no socket, nothing that could become readable: it ends at once. */
TEST_F_TIMEOUT(sockets, nothing_to_wait_for, TIMEOUT)
{
	struct io_uring_sqe sqe = recv_sqe(&self->p);
	unsigned int how;

	sqe.fd = memfd_create("file", 0);
	ASSERT_LE(0, sqe.fd);
	/* a worker runs no multishot, and says so before it looks further */
	for (how = 1; how < 4; how++) {
		sqe.ioprio = IORING_RECV_MULTISHOT |
			     (how & 1 ? IORING_RECVSEND_POLL_FIRST : 0);
		sqe.flags = how & 2 ? IOSQE_ASYNC : 0;
		ASSERT_EQ(0, zc_submit(&self->p.zc, &sqe, 1));
		EXPECT_RESULT(&self->p.zc, sqe.user_data, -EBADFD);
	}
	close(sqe.fd);
	sqe.fd = -1;
	for (how = 0; how < 4; how++) {
		sqe.ioprio = IORING_RECV_MULTISHOT |
			     (how & 1 ? IORING_RECVSEND_POLL_FIRST : 0);
		sqe.flags = how & 2 ? IOSQE_ASYNC : 0;
		ASSERT_EQ(0, zc_submit(&self->p.zc, &sqe, 1));
		EXPECT_RESULT(&self->p.zc, sqe.user_data, -EBADF);
	}
}

/*
 * A socket that listens for MPTCP, and a client that does not speak it: what
 * it accepts is a TCP connection, with all that goes with it.
 */
TEST_F_TIMEOUT(sockets, mptcp_that_fell_back, TIMEOUT)
{
	struct recv_pair other = { .rx = self->p.rx };
	int fd[2];

	ASSERT_EQ(0, connect_pair(fd, IPPROTO_MPTCP, 0));
	other.rx.sock = fd[0];
	other.peer = fd[1];
	ASSERT_EQ(0, recv_pair_send(&other, SENT));
	recv_pair_fin(&other);
	EXPECT_EQ(RECEIVE_END, receive_all(&other.rx));
	EXPECT_EQ(SENT, other.rx.bytes);
	close_subject(fd);
}

/* Fresh, refused, connected: the same socket. */
TEST_F_TIMEOUT(sockets, connected_later, TIMEOUT)
{
	struct recv_pair other = { .rx = self->p.rx };
	int listener, fd[2];

	fd[0] = tcp_open("127.0.0.1");
	ASSERT_LE(0, fd[0]);
	EXPECT_EQ(-ENOTCONN, result(&self->p, fd[0], 0));
	listener = tcp_listen("127.0.0.1", 0);
	ASSERT_LE(0, listener);
	EXPECT_EQ(-ENOTCONN, result(&self->p, listener, 0));
	ASSERT_EQ(0, tcp_connect_socket(fd[0], "127.0.0.1",
					tcp_port(listener)));
	EXPECT_EQ(-ENOTCONN, result(&self->p, listener, 0));
	fd[1] = tcp_accept(listener, WIRE_PATIENCE_MS);
	ASSERT_LE(0, fd[1]);

	other.rx.sock = fd[0];
	other.peer = fd[1];
	ASSERT_EQ(0, recv_pair_send(&other, SENT));
	recv_pair_fin(&other);
	EXPECT_EQ(RECEIVE_END, receive_all(&other.rx));
	EXPECT_EQ(SENT, other.rx.bytes);
	close(listener);
	close_subject(fd);
}

TEST_HARNESS_MAIN
