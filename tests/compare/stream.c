// SPDX-License-Identifier: GPL-2.0
/*
 * A TCP stream on a queue that no provider is bound to, read in each way that a
 * program has, and compared byte for byte. This runs on a kernel with the
 * overlay and on one without; tests/compare/unbound compares.
 */
#include <stdint.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/nic.h"
#include "lib/readers.h"
#include "lib/senders.h"
#include "lib/sh.h"
#include "lib/wire.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
/* does not end with a packet, a page or a buffer */
#define STREAM_LEN	(3 * MIB + 4321)

static struct stream stream;

/*
 * A stream by each address and MTU, read in each way.
 */
FIXTURE(stream)
{
	struct wire wire;
	struct reader reader;
};

FIXTURE_VARIANT(stream)
{
	const char *addr;
	int mtu;
};

/* The link trains anew for an MTU: each is set once, the usual one last. */
FIXTURE_VARIANT_ADD(stream, v4_9000)
{
	.addr = WIRE_V4,
	.mtu = 9000,
};

FIXTURE_VARIANT_ADD(stream, v6_9000)
{
	.addr = WIRE_V6,
	.mtu = 9000,
};

FIXTURE_VARIANT_ADD(stream, v4)
{
	.addr = WIRE_V4,
	.mtu = 1500,
};

FIXTURE_VARIANT_ADD(stream, v6)
{
	.addr = WIRE_V6,
	.mtu = 1500,
};

FIXTURE_SETUP(stream)
{
	stream_init(&stream, 5);
	if (nic_sysfs(WIRE_IF, "mtu") != variant->mtu)
		ASSERT_EQ(0, nic_set_mtus(WIRE_IF, variant->mtu));
}

FIXTURE_TEARDOWN(stream)
{
	reader_close(&self->reader);
	EXPECT_EQ(0, wire_close(&self->wire));
}

/* In bulk, to its end. */
#define EXPECT_STREAM(way)						\
	do {								\
		ASSERT_EQ(0, wire_open(&self->wire, variant->addr, &stream, \
				       STREAM_LEN, false));		\
		ASSERT_EQ(0, reader_open(&self->reader, way,		\
					 self->wire.sock));		\
		EXPECT_EQ(STREAM_LEN, reader_check(&self->reader, &stream, 0, \
						   UINT64_MAX));	\
	} while (0)

TEST_F_TIMEOUT(stream, recv, TIMEOUT)
{
	EXPECT_STREAM(&reader_recv);
}

TEST_F_TIMEOUT(stream, recvmsg, TIMEOUT)
{
	EXPECT_STREAM(&reader_recvmsg);
}

TEST_F_TIMEOUT(stream, msg_sock_devmem, TIMEOUT)
{
	EXPECT_STREAM(&reader_devmem);
}

TEST_F_TIMEOUT(stream, msg_peek, TIMEOUT)
{
	EXPECT_STREAM(&reader_peek);
}

TEST_F_TIMEOUT(stream, busy_poll, TIMEOUT)
{
	EXPECT_STREAM(&reader_busy_poll);
}

TEST_F_TIMEOUT(stream, splice, TIMEOUT)
{
	EXPECT_STREAM(&reader_splice);
}

/* igb's buffers are no whole pages: nothing is mapped, all is read. */
TEST_F_TIMEOUT(stream, zerocopy, TIMEOUT)
{
	EXPECT_STREAM(&reader_zerocopy);
	EXPECT_EQ(0, self->reader.zerocopy.mapped);
}

TEST_F_TIMEOUT(stream, io_uring, TIMEOUT)
{
	EXPECT_STREAM(&reader_uring);
}

TEST_F_TIMEOUT(stream, io_uring_multishot, TIMEOUT)
{
	EXPECT_STREAM(&reader_uring_multishot);
}

/* From 1 byte to 1 MiB at a time. */
TEST_F_TIMEOUT(stream, messages, TIMEOUT)
{
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, 0,
				    false, send_messages));
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv,
				 self->wire.sock));
	EXPECT_EQ(send_messages_len(),
		  reader_check(&self->reader, &stream, 0, UINT64_MAX));
}

/* What MSG_TRUNC takes is gone, and what follows it is right. */
TEST_F_TIMEOUT(stream, msg_trunc, TIMEOUT)
{
	const size_t part = 100 * 1000 + 1;
	__u64 off = 0;

	ASSERT_EQ(0, wire_open(&self->wire, variant->addr, &stream, STREAM_LEN,
			       false));
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv,
				 self->wire.sock));
	while (off + 2 * part < STREAM_LEN) {
		ASSERT_EQ(part, recv(self->wire.sock, NULL, part,
				     MSG_TRUNC | MSG_WAITALL));
		off += part;
		ASSERT_EQ(part, reader_check(&self->reader, &stream, off, part));
		off += part;
	}
	EXPECT_EQ(STREAM_LEN - off,
		  reader_check(&self->reader, &stream, off, UINT64_MAX));
}

/*
 * Segments that get lost, come twice or late, into a socket that has hardly
 * room for what comes out of order.
 */
FIXTURE(bad_wire)
{
	struct wire wire;
	struct reader reader;
};

FIXTURE_VARIANT(bad_wire)
{
	const char *addr;
};

FIXTURE_VARIANT_ADD(bad_wire, v4)
{
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(bad_wire, v6)
{
	.addr = WIRE_V6,
};

FIXTURE_SETUP(bad_wire)
{
	int len = 32 * 1024;

	stream_init(&stream, 6);
	/* netem takes what it is given as one packet: no segments in bulk */
	ASSERT_EQ(0, sh("ip -n peer link set eth1 gso_max_segs 1 && "
			"ip netns exec peer tc qdisc add dev eth1 root netem limit 10000 "
			"delay 2ms reorder 75%% loss 1%% duplicate 3%%"));
	ASSERT_EQ(0, wire_open(&self->wire, variant->addr, &stream, STREAM_LEN,
			       false));
	ASSERT_EQ(0, setsockopt(self->wire.sock, SOL_SOCKET, SO_RCVBUF, &len,
				sizeof(len)));
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv,
				 self->wire.sock));
}

FIXTURE_TEARDOWN(bad_wire)
{
	EXPECT_EQ(0, sh("ip netns exec peer tc qdisc del dev eth1 root && "
			"ip -n peer link set eth1 gso_max_segs 65535"));
	EXPECT_EQ(0, wire_close(&self->wire));
}

TEST_F_TIMEOUT(bad_wire, every_byte, TIMEOUT)
{
	__s64 out_of_order = counter_tcp("TCPOFOQueue");

	ASSERT_LE(0, out_of_order);
	EXPECT_EQ(STREAM_LEN, reader_check(&self->reader, &stream, 0,
					   UINT64_MAX));
	/* a hundredth of 2200 segments or more */
	EXPECT_LE(out_of_order + 22, counter_tcp("TCPOFOQueue"));
}

TEST_HARNESS_MAIN
