/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_FLOW_H
#define TESTS_FLOW_H

#include <linux/types.h>
#include <stdbool.h>

#include "wire.h"

/*
 * Which queue of WIRE_IF a connection comes in on. The NIC takes the low bits
 * of a Toeplitz hash over both addresses and ports, and looks the queue up in a
 * table (RSS). Who knows the key and chooses the ports knows the entry of the
 * table, and can move this one connection and no other.
 */
#define FLOW_ENTRIES	128	/* of igb's table */

/* The hash of the NIC's key over len bytes, of 36 at most. */
__u32 flow_hash(const __u8 *key, const void *input, unsigned int len);

/* The machine's key. Returns 0 or -errno. */
#define FLOW_KEY_LEN	40
int flow_key(__u8 key[FLOW_KEY_LEN]);

/*
 * Gives the NIC one queue more than the VM begins with, if it has not got it: the
 * link trains anew then. All flows go to WIRE_RXQ as before. Returns 0 or -errno.
 */
#define FLOW_FURTHER_RXQ	2
int flow_widen(void);

/* Entries of the table with an even number, and those with an odd one. */
int flow_steer(unsigned int even_rxq, unsigned int odd_rxq);

/*
 * Waits until neither of the two has a provider, and the NIC has no page_pools.
 * Returns 0 or -errno.
 */
int flow_wait_free(void);

/* One entry alone. Both return 0 or -errno. */
int flow_move(unsigned int entry, unsigned int rxq);

/* The queue that an entry names now, or -errno. */
int flow_queue_of(unsigned int entry);

/*
 * A connection from the peer that comes in by that entry, and the stream it
 * brings. Returns 0 or -errno. wire_close() ends it.
 */
int flow_open(struct wire *wire, const char *addr, unsigned int entry,
	      const struct stream *stream, __u64 len, bool may_break);

/*
 * The queue that the last packet of a connection came in on, by the NAPI that
 * brought it, or -errno.
 */
int flow_queue_now(int sock);

#endif /* TESTS_FLOW_H */
