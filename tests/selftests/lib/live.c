// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"
#include "peer.h"
#include "tcp.h"

#define CHUNK		(64 * 1024)
#define WHILE		(1024 * 1024)

static struct stream stream;
static __u64 *sent;

/* The receiver says "enough" with a FIN of its own. */
static bool told_to_end(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static int send_until_told(void *arg)
{
	const struct peer_send *job = arg;
	static char buf[CHUNK];
	size_t done;
	ssize_t n;
	int fd;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0)
		return 1;
	while (!told_to_end(fd)) {
		stream_fill(job->stream, *sent, buf, CHUNK);
		for (done = 0; done < CHUNK; done += n) {
			n = send(fd, buf + done, CHUNK - done, MSG_NOSIGNAL);
			if (n < 0)
				return job->may_break ? 0 : 1;
		}
		*sent += CHUNK;
	}
	return shutdown(fd, SHUT_WR) ? 1 : 0;
}

int live_open(struct live *live, enum area_kind kind, const char *addr)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = kind,
		.area_len = LIVE_AREA,
	};
	int ret;

	memset(live, 0, sizeof(*live));
	stream_init(&stream, 11);
	sent = mmap(NULL, sizeof(*sent), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sent == MAP_FAILED)
		return -errno;
	live->sent = sent;

	ret = zc_open(&live->zc, &cfg);
	if (ret) {
		fprintf(stderr, "# %s failed\n", live->zc.failed);
		return ret;
	}
	ret = wire_open_with(&live->wire, addr, &stream, 0, true,
			     send_until_told);
	if (ret)
		return ret;
	live->rx = (struct receiver) {
		.zc = &live->zc,
		.sock = live->wire.sock,
		.stream = &stream,
	};
	ret = zc_recv(&live->zc, live->wire.sock, 0, 0);
	return ret ? ret : live_receive(live, WHILE);
}

/* Takes by recv() what lies in front and can be read. */
static int take_readable(struct live *live)
{
	static char buf[CHUNK];
	size_t bad;
	ssize_t n;

	for (;;) {
		n = recv(live->wire.sock, buf, CHUNK, MSG_DONTWAIT);
		/* at the end, the next request tells it */
		if (!n || (n < 0 && (errno == EAGAIN || errno == EFAULT)))
			return 0;
		if (n < 0)
			return -errno;
		if (!stream_check(&stream, live->rx.bytes, buf, n, &bad)) {
			fprintf(stderr, "# wrong byte at %llu, by recv()\n",
				(unsigned long long)(live->rx.bytes + bad));
			return -EILSEQ;
		}
		live->rx.bytes += n;
		live->by_recv += n;
	}
}

/* As receive(), and goes on behind -ENOMEM. */
static int receive_any(struct live *live, __u64 until)
{
	int ret = RECEIVE_MORE;

	while (ret == RECEIVE_MORE && live->rx.bytes < until) {
		ret = receive(&live->rx, until - live->rx.bytes);
		if (ret != -ENOMEM)
			continue;
		live->nomem++;
		ret = take_readable(live);
		if (!ret)
			ret = zc_recv(&live->zc, live->wire.sock, 0, 0);
	}
	return ret;
}

int live_receive(struct live *live, __u64 bytes)
{
	int ret = receive_any(live, live->rx.bytes + bytes);

	return ret == RECEIVE_END ? -EPIPE : ret;
}

static pid_t start(const char *cmd)
{
	char *const argv[] = { "sh", "-c", (char *)cmd, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int ret;

	/* stdout has the results */
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO,
					 STDOUT_FILENO);
	ret = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return ret ? -ret : pid;
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run(const char *cmd)
{
	pid_t pid = start(cmd);
	int status;

	if (pid < 0)
		return pid;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return exit_status(status);
}

int live_run(struct live *live, const char *cmd)
{
	pid_t pid = start(cmd);
	int ret, status;

	if (pid < 0)
		return pid;
	do {
		ret = live_receive(live, WHILE);
		/* the command may keep the wire silent for as long as it runs */
		if (ret && ret != -ETIME) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return ret;
		}
		ret = waitpid(pid, &status, WNOHANG);
	} while (!ret);
	return ret == pid ? exit_status(status) : -ECHILD;
}

int live_end(struct live *live)
{
	int ret;

	if (shutdown(live->wire.sock, SHUT_WR))
		return -errno;
	ret = receive_any(live, UINT64_MAX);
	if (ret != RECEIVE_END)
		return ret;
	ret = wire_close(&live->wire);
	if (ret)
		return ret < 0 ? ret : -EIO;
	if (live->rx.bytes != *live->sent) {
		fprintf(stderr, "# %llu of %llu bytes came\n",
			(unsigned long long)live->rx.bytes,
			(unsigned long long)*live->sent);
		return -EPIPE;
	}
	return 0;
}
