// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"
#include "tcp.h"

static int enter_peer(void)
{
	int fd = open(PEER_NETNS, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		fprintf(stderr,
			"peer: cannot enter %s: %s (make one: ip netns add peer)\n",
			PEER_NETNS, strerror(errno));
		return -1;
	}
	close(fd);
	return 0;
}

pid_t peer_start(int (*fn)(void *arg), void *arg)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid)
		return pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (close_range(3, ~0U, 0) || enter_peer())
		_exit(1);
	_exit(fn(arg));
}

int peer_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int peer_send_stream(void *arg)
{
	const struct peer_send *job = arg;
	static char buf[256 * 1024];
	uint64_t off = 0;
	int fd, ret;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0) {
		fprintf(stderr, "peer: cannot connect to %s port %u: %s\n",
			job->addr, job->port, strerror(-fd));
		return 1;
	}

	while (off < job->len) {
		uint64_t left = job->len - off;
		size_t n = left < sizeof(buf) ? left : sizeof(buf);

		stream_fill(job->stream, off, buf, n);
		ret = tcp_send_all(fd, buf, n);
		if (ret && job->may_break)
			return 0;
		if (ret) {
			fprintf(stderr, "peer: send failed after %llu bytes: %s\n",
				(unsigned long long)off, strerror(-ret));
			return 1;
		}
		off += n;
	}

	shutdown(fd, SHUT_WR);
	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
	close(fd);
	return 0;
}

int peer_set_mtu(void *mtu)
{
	struct if_nameindex *list = if_nameindex(), *i;
	int ret = 0;

	for (i = list; i && i->if_index; i++) {
		int err;

		if (!strcmp(i->if_name, "lo"))
			continue;
		err = net_set_mtu(i->if_name, *(int *)mtu);
		if (err) {
			fprintf(stderr, "peer: cannot set the MTU of %s to %d: %s\n",
				i->if_name, *(int *)mtu, strerror(-err));
			ret = 1;
		}
	}
	if (list)
		if_freenameindex(list);
	return list ? ret : 1;
}
