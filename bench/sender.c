// SPDX-License-Identifier: GPL-2.0
/*
 * The sender, in a VM of its own: to each who connects it sends the same
 * stream, until the other side has had enough.
 *
 *   sender [MTU [IF [ADDRESS]]]
 *
 * An MTU of 0, or none, leaves the interface's as it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source.h"
#include "stream.h"
#include "tcp.h"

#define CHUNK	(256 * 1024)

static struct stream stream;

static void send_for_ever(int fd)
{
	static char buf[CHUNK];
	uint64_t off;

	for (off = 0;; off += CHUNK) {
		stream_fill(&stream, off, buf, CHUNK);
		if (tcp_send_all(fd, buf, CHUNK))
			return;
	}
}

int main(int argc, char **argv)
{
	int mtu = argc > 1 ? atoi(argv[1]) : 0;
	const char *ifname = argc > 2 ? argv[2] : SOURCE_IF;
	const char *addr = argc > 3 ? argv[3] : SOURCE_ADDR;
	int listener, fd, ret;

	ret = mtu ? net_set_mtu(ifname, mtu) : 0;
	if (ret) {
		fprintf(stderr, "sender: MTU %d on %s: %s\n", mtu, ifname,
			strerror(-ret));
		return 1;
	}
	stream_init(&stream, SOURCE_SEED);
	listener = tcp_listen(addr, SOURCE_PORT);
	if (listener < 0) {
		fprintf(stderr, "sender: port %d of %s: %s\n", SOURCE_PORT,
			addr, strerror(-listener));
		return 1;
	}
	for (;;) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		send_for_ever(fd);
		close(fd);
	}
}
