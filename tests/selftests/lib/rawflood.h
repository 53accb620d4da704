/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_RAWFLOOD_H
#define TESTS_RAWFLOOD_H

#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "rawframe.h"

/*
 * Frames from the third machine for a port where nobody listens: what the NIC and the
 * driver make of them is their end, but for the answer, a reset.
 */
static inline struct rawframe raw_for_nobody(const void *data, size_t len)
{
	return (struct rawframe) {
		.sport = 40000,
		.dport = 9,
		.flags = TH_ACK,
		.data = data,
		.len = len,
	};
}

struct raw_flood {
	size_t len;		/* payload of each */
	unsigned int every_us;
};

/* For peer_start(), with a struct raw_flood: one after the other until it is killed. */
static inline int raw_flood(void *arg)
{
	static char data[RAWFRAME_MAX];
	const struct raw_flood *how = arg;
	const struct rawframe frame = raw_for_nobody(data, how->len);
	int raw = raw_open();

	if (raw < 0)
		return 1;
	memset(data, 0xee, sizeof(data));
	while (!raw_send(raw, &frame))
		usleep(how->every_us);
	return 1;
}

#endif /* TESTS_RAWFLOOD_H */
