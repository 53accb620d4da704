/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_DEBUG_IFQ_H
#define TESTS_DEBUG_IFQ_H

#include "lib/wire.h"
#include "zc.h"

/* Of the streams that are compared. */
#define IFQ_STREAM_LEN	(32 * 1024)

/* Who receives what, by user_data: the stream, and events. */
enum {
	IFQ_STREAM,
	IFQ_EVENT,
	IFQ_NR,
};

/*
 * zc_open() in its steps, so that one of them alone fails. Each returns 0 or
 * -errno.
 */
struct ifq {
	struct zc_config cfg;
	struct zcrx_event_desc event;
	bool events;
	struct zc zc;
	struct zc_reg fresh;	/* what zc.reg was before it was registered */
	void *region;
	bool registered;
	bool mapped;

	struct wire wire;
	struct receiver rx[IFQ_NR];
	unsigned int nr_events;
	int failure;	/* of a request, or of a call; the last one */
};

int ifq_prepare(struct ifq *ifq);
int ifq_register(struct ifq *ifq);
int ifq_map(struct ifq *ifq);	/* the refill ring */
void ifq_close(struct ifq *ifq);

/* KiB that are accounted for one. */
size_t ifq_pinned_kib(const struct ifq *ifq);

/*
 * A connection from the peer, or over loopback for one without a NIC; a stream
 * that is received, with so many failures on the way at most, each followed by
 * another attempt, and compared; and its end: nobody holds a buffer. An event
 * may come only after the stream.
 */
int ifq_connect(struct ifq *ifq);
int ifq_stream(struct ifq *ifq, unsigned int failures);
int ifq_await_event(struct ifq *ifq);
int ifq_disconnect(struct ifq *ifq);

/* All that is still to do, and that it receives, without a failure. */
int ifq_receive(struct ifq *ifq);

#endif /* TESTS_DEBUG_IFQ_H */
