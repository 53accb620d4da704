// SPDX-License-Identifier: GPL-2.0
/*
 * The sender, in a VM of its own: to each who connects it sends the same
 * stream, until the other side has had enough.
 *
 *   sender PORT MTU
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
	int listener, fd, ret;

	if (argc != 3) {
		fprintf(stderr, "usage: %s PORT MTU\n", argv[0]);
		return 2;
	}
	ret = net_set_mtu(SOURCE_IF, atoi(argv[2]));
	if (ret) {
		fprintf(stderr, "sender: MTU %s on %s: %s\n", argv[2],
			SOURCE_IF, strerror(-ret));
		return 1;
	}
	stream_init(&stream, SOURCE_SEED);
	listener = tcp_listen(SOURCE_ADDR, atoi(argv[1]));
	if (listener < 0) {
		fprintf(stderr, "sender: port %s: %s\n", argv[1],
			strerror(-listener));
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
