// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to a NIC of which no queue is bound to a provider, while
 * programs receive by recv(). Not a byte of a stream is lost. This runs on a
 * kernel with the overlay and on one without; tests/compare/unbound compares.
 */
#include <errno.h>
#include <linux/netdev.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/readers.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "lib/xdp.h"
#include "peer.h"

#define TIMEOUT		300
/* While a link trains, TCP waits longer and longer before it tries again. */
#define PATIENCE_S	60
#define MIB		(1024 * 1024)
#define CHANNELS	2	/* what the VM has */

/* More than any test takes; a test ends the connection itself. */
#define FOR_EVER	(UINT64_MAX / 2)

static struct stream stream;

FIXTURE(nic)
{
	struct wire wire;
	struct reader reader;
	__u64 bytes;
};

/* More of the stream. Returns 0 or -errno. */
static int receive_more(FIXTURE_DATA(nic) *self, __u64 len)
{
	__s64 n = reader_check(&self->reader, &stream, self->bytes, len);

	if (n < 0)
		return n;
	self->bytes += n;
	return n < (__s64)len ? -EAGAIN : 0;
}

/* Receives while a command runs. Returns its exit status, or -errno. */
static int receive_amid(FIXTURE_DATA(nic) *self, const char *cmd)
{
	pid_t pid = fork();
	int status, ret;

	if (pid < 0)
		return -errno;
	if (!pid) {
		/* stdout has the results */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execlp("sh", "sh", "-c", cmd, NULL);
		_exit(127);
	}
	do {
		/* the wire may be silent for as long as it runs */
		ret = receive_more(self, MIB);
		if (ret && ret != -EAGAIN)
			return ret;
		ret = waitpid(pid, &status, WNOHANG);
	} while (!ret);
	if (ret != pid || !WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status);
}

FIXTURE_SETUP(nic)
{
	const struct timeval patience = {
		.tv_sec = PATIENCE_S,
	};

	stream_init(&stream, 9);
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, FOR_EVER,
			       true));
	ASSERT_EQ(0, setsockopt(self->wire.sock, SOL_SOCKET, SO_RCVTIMEO,
				&patience, sizeof(patience)));
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv,
				 self->wire.sock));
	ASSERT_EQ(0, receive_more(self, MIB));
}

FIXTURE_TEARDOWN(nic)
{
	EXPECT_EQ(0, receive_more(self, MIB));
	EXPECT_EQ(0, wire_close(&self->wire));
}

/* It works, and so does the NIC behind it. */
#define EXPECT_WORKS(cmd)						\
	do {								\
		EXPECT_EQ(0, receive_amid(self, cmd));			\
		EXPECT_EQ(0, receive_more(self, MIB));			\
	} while (0)

TEST_F_TIMEOUT(nic, link_down_up, TIMEOUT)
{
	EXPECT_WORKS("ip link set eth0 down && ip link set eth0 up");
}

TEST_F_TIMEOUT(nic, ring_size, TIMEOUT)
{
	EXPECT_WORKS("ethtool -G eth0 rx 512");
	EXPECT_EQ(512, nic_rx_ring(WIRE_IF));
	EXPECT_WORKS("ethtool -G eth0 rx 80");
	EXPECT_EQ(80, nic_rx_ring(WIRE_IF));
	EXPECT_WORKS("ethtool -G eth0 rx 256");
	EXPECT_EQ(256, nic_rx_ring(WIRE_IF));
}

TEST_F_TIMEOUT(nic, combined, TIMEOUT)
{
	EXPECT_EQ(-EINVAL, nic_set_channels(WIRE_IF, 0));
	EXPECT_WORKS("ethtool -L eth0 combined 4");
	EXPECT_EQ(4, nic_channels(WIRE_IF));
	EXPECT_EQ(0, nic_steer_default(WIRE_IF));
	EXPECT_WORKS("ethtool -L eth0 combined 1");
	EXPECT_EQ(1, nic_channels(WIRE_IF));
	EXPECT_WORKS("ethtool -L eth0 combined 2");
	EXPECT_EQ(CHANNELS, nic_channels(WIRE_IF));
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
}

TEST_F_TIMEOUT(nic, steering, TIMEOUT)
{
	EXPECT_WORKS("ethtool -X eth0 start 0 equal 1");
	EXPECT_WORKS("ethtool -X eth0 weight 1 3");
	EXPECT_WORKS("ethtool -X eth0 default");
	EXPECT_WORKS("ethtool -X eth0 start 1 equal 1");
	/* flows go to a queue that would go */
	EXPECT_EQ(-EINVAL, nic_set_channels(WIRE_IF, 1));
}

TEST_F_TIMEOUT(nic, offloads, TIMEOUT)
{
	EXPECT_WORKS("ethtool -K eth0 rx off");
	EXPECT_EQ(0, nic_rx_csum(WIRE_IF));
	EXPECT_WORKS("ethtool -K eth0 rx on");
	EXPECT_EQ(1, nic_rx_csum(WIRE_IF));
	EXPECT_WORKS("ethtool -K eth0 gro off");
	EXPECT_WORKS("ethtool -K eth0 gro on");
	EXPECT_WORKS("ethtool -K eth0 rxvlan off");
	EXPECT_WORKS("ethtool -K eth0 rxvlan on");
	EXPECT_WORKS("ethtool -K eth0 rxhash off");
	EXPECT_WORKS("ethtool -K eth0 rxhash on");
}

TEST_F_TIMEOUT(nic, mtu, TIMEOUT)
{
	EXPECT_WORKS("ip link set eth0 mtu 9000");
	EXPECT_WORKS("ip link set eth0 mtu 3000");
	EXPECT_WORKS("ip link set eth0 mtu 1500");
	EXPECT_EQ(1500, nic_sysfs(WIRE_IF, "mtu"));
}

TEST_F_TIMEOUT(nic, xdp, TIMEOUT)
{
	int link = xdp_attach(if_nametoindex(WIRE_IF));

	ASSERT_LE(0, link);
	EXPECT_EQ(0, receive_more(self, MIB));
	/* a frame must fit a buffer then */
	EXPECT_NE(0, receive_amid(self, "ip link set eth0 mtu 9000"));
	EXPECT_WORKS("ethtool -G eth0 rx 512");
	EXPECT_WORKS("ethtool -G eth0 rx 256");
	EXPECT_EQ(0, close(link));
	EXPECT_EQ(0, receive_more(self, MIB));
}

TEST_F_TIMEOUT(nic, pause, TIMEOUT)
{
	EXPECT_WORKS("ethtool -A eth0 autoneg off rx on tx on");
	EXPECT_WORKS("ethtool -A eth0 autoneg on rx on tx off");
}

TEST_F_TIMEOUT(nic, coalescing, TIMEOUT)
{
	EXPECT_WORKS("ethtool -C eth0 rx-usecs 100");
	EXPECT_WORKS("ethtool -C eth0 rx-usecs 3");
}

TEST_F_TIMEOUT(nic, napi, TIMEOUT)
{
	EXPECT_WORKS("echo 1 >/sys/class/net/eth0/threaded");
	EXPECT_WORKS("echo 0 >/sys/class/net/eth0/threaded");
	EXPECT_WORKS("echo 2 >/sys/class/net/eth0/napi_defer_hard_irqs && "
		     "echo 200000 >/sys/class/net/eth0/gro_flush_timeout");
	EXPECT_WORKS("echo 0 >/sys/class/net/eth0/napi_defer_hard_irqs && "
		     "echo 0 >/sys/class/net/eth0/gro_flush_timeout");
}

TEST_F_TIMEOUT(nic, promiscuous, TIMEOUT)
{
	EXPECT_WORKS("ip link set eth0 promisc on");
	EXPECT_WORKS("ip link set eth0 promisc off");
	EXPECT_WORKS("ip link set eth0 allmulticast on");
	EXPECT_WORKS("ip link set eth0 allmulticast off");
}

TEST_F_TIMEOUT(nic, self_test, TIMEOUT)
{
	EXPECT_WORKS("ethtool -t eth0 online");
}

TEST_F_TIMEOUT(nic, vlan, TIMEOUT)
{
	EXPECT_WORKS("ip link add link eth0 name eth0.5 type vlan id 5 && "
		     "ip link set eth0.5 up");
	EXPECT_WORKS("ip link del eth0.5");
}

/*
 * An ordinary queue has no provider to tell of, and igb needs no page_pool
 * for it. Which NAPI is its own, only the overlay's igb tells.
 */
TEST_F(nic, netlink)
{
	struct netdev_queue queues[8];
	struct netdev_pool pools[8];
	unsigned int ifindex = if_nametoindex(WIRE_IF);
	int n, i;

	n = netdev_queues(ifindex, queues, 8);
	EXPECT_EQ(2 * CHANNELS, n);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(i % CHANNELS, queues[i].id);
		EXPECT_EQ(i < CHANNELS ? NETDEV_QUEUE_TYPE_RX :
					 NETDEV_QUEUE_TYPE_TX, queues[i].type);
		EXPECT_FALSE(queues[i].provider.dmabuf);
		EXPECT_FALSE(queues[i].provider.io_uring);
	}
	EXPECT_EQ(0, netdev_pools(ifindex, pools, 8));
}

TEST_HARNESS_MAIN
