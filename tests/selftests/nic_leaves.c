// SPDX-License-Identifier: GPL-2.0
/*
 * A NIC can leave, whatever was tried with it before, and what was bound to it
 * can end after it: a registration that failed keeps no device, and a binding
 * of socket devmem no queue of one that has gone. A queue that is restarted at that
 * moment is not taken for one that is off.
 *
 * unplug.c has the NIC that goes under a ring that is bound.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/devmem_rx.h"
#include "lib/flow.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/subject.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"

#define TIMEOUT		180
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define STREAM_LEN	(16 * MIB)
#define PAGE		4096
#define ROUNDS		3

#define UNBIND	"echo %s >/sys/bus/pci/drivers/igb/unbind"
#define BIND	"echo %s >/sys/bus/pci/drivers/igb/bind"
#define REMOVE	"echo 1 >/sys/bus/pci/devices/%s/remove"
#define RESCAN	"echo 1 >/sys/bus/pci/rescan"
/* What makes a NIC that came back what it was: tests/vm/nic-set-up. */
#define SET_UP	"nic-set-up"

static struct stream stream;

/*
 * Runs a command of the shell in which %s is the NIC's PCI address. Returns its
 * exit status. A NIC that somebody keeps lets nobody end who takes it away, not
 * even by a signal: -ETIMEDOUT.
 */
static int run_within(const char *fmt, const char *slot)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	unsigned int waited;
	char cmd[256];
	int status;
	pid_t pid;

	snprintf(cmd, sizeof(cmd), fmt, slot);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		/* stdout has the results */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execlp("sh", "sh", "-c", cmd, NULL);
		_exit(127);
	}
	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) :
						   128 + WTERMSIG(status);
		nanosleep(&ms10, NULL);
	}
	kill(pid, SIGKILL);
	return -ETIMEDOUT;
}

/*
 * After a registration that failed.
 */
FIXTURE(refused)
{
	struct subject s;
	char slot[32];
};

FIXTURE_VARIANT(refused)
{
	void (*spoil)(struct zc_reg *reg);
	int err;
};

FIXTURE_SETUP(refused)
{
	ASSERT_EQ(0, nic_pci_address(WIRE_IF, self->slot,
				     sizeof(self->slot)));
	ASSERT_EQ(0, subject_open(&self->s, WIRE_IF, AREA_USER));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

FIXTURE_TEARDOWN(refused)
{
	subject_close(&self->s);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* The ring is still there, and may try again with the one that comes. */
TEST_F_TIMEOUT(refused, keeps_no_device, TIMEOUT)
{
	struct subject *s = &self->s;

	variant->spoil(&s->reg);
	ASSERT_EQ(-variant->err, subject_register(s));

	ASSERT_EQ(0, run_within(UNBIND, self->slot));
	EXPECT_EQ(0, if_nametoindex(WIRE_IF));
	EXPECT_EQ(-ENODEV, subject_register_good(s));

	ASSERT_EQ(0, run_within(BIND " && " SET_UP, self->slot));
	s->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, subject_register_good(s));
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(s->ifindex, WIRE_RXQ));
}

static void rxq_too_high(struct zc_reg *reg)
{
	reg->ifq.if_rxq = 1000;
}

/* The driver refuses this one, when it is asked to restart the queue. */
static void queue_zero(struct zc_reg *reg)
{
	reg->ifq.if_rxq = 0;
}

static void area_unmapped(struct zc_reg *reg)
{
	reg->area.addr = PAGE;
}

/* What is the last thing to fail: the queue is bound by then. */
static void area_cannot_be_written(struct zc_reg *reg)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	memcpy(p, &reg->area, sizeof(reg->area));
	if (!mprotect(p, PAGE, PROT_READ))
		reg->ifq.area_ptr = (uintptr_t)p;
}

FIXTURE_VARIANT_ADD(refused, rxq_too_high)
{
	.spoil = rxq_too_high,
	.err = ERANGE,
};

FIXTURE_VARIANT_ADD(refused, queue_zero)
{
	.spoil = queue_zero,
	.err = EOPNOTSUPP,
};

FIXTURE_VARIANT_ADD(refused, area_unmapped)
{
	.spoil = area_unmapped,
	.err = EFAULT,
};

FIXTURE_VARIANT_ADD(refused, area_cannot_be_written)
{
	.spoil = area_cannot_be_written,
	.err = EFAULT,
};

/*
 * A queue is restarted again and again until the NIC has gone. Who takes the driver off
 * has marked the NIC as down when he waits for RTNL, and RTNL is much in demand. Frames
 * come in by that queue, so that the IOMMU sees a ring that is not there any more.
 */
FIXTURE(leaving)
{
	char slot[32];
	int ret;
	unsigned int restarts;
	pid_t knocks, demands;
};

/* For peer_start(): nobody listens there. */
static int knock(void *addr)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = inet_addr(addr),
	};

	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (fd < 0)
			return 1;
		connect(fd, (const struct sockaddr *)&to, sizeof(to));
		usleep(200);
		close(fd);
	}
}

#define NO_TAP	"ip tuntap del tap9 mode tap 2>/dev/null || :"

/* Holds RTNL through a grace period or two, each time. */
static void demand_rtnl(FIXTURE_DATA(leaving) *self)
{
	fflush(NULL);
	self->demands = fork();
	if (!self->demands) {
		execlp("sh", "sh", "-c", "exec 2>/dev/null; while :; do "
		       "ip tuntap add tap9 mode tap; " NO_TAP "; done", NULL);
		_exit(127);
	}
}

static void end_demand(FIXTURE_DATA(leaving) *self)
{
	if (self->demands <= 0)
		return;
	kill(self->demands, SIGKILL);
	waitpid(self->demands, NULL, 0);
	self->demands = 0;
	run_within(NO_TAP, "");
}

FIXTURE_SETUP(leaving)
{
	ASSERT_EQ(0, nic_pci_address(WIRE_IF, self->slot,
				     sizeof(self->slot)));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 83);
	self->knocks = peer_start(knock, WIRE_V4);
	ASSERT_LT(0, self->knocks);
}

/* What is there now works. */
FIXTURE_TEARDOWN(leaving)
{
	struct receiver rx = { .stream = &stream };
	struct wire wire;
	struct zc zc;

	kill(self->knocks, SIGKILL);
	peer_wait(self->knocks);
	end_demand(self);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, wire_bind(&zc, AREA_USER, AREA_LEN));
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx.zc = &zc;
	rx.sock = wire.sock;
	EXPECT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(0, wire_close(&wire));
	EXPECT_ZERO_COPY(&zc, STREAM_LEN);
	zc_close(&zc);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

static void *restart_queues(void *arg)
{
	FIXTURE_DATA(leaving) *self = arg;
	struct zc_queue queue;
	struct zc zc;

	self->ret = wire_bind(&zc, AREA_USER, AREA_LEN);
	if (self->ret)
		return NULL;
	while (!self->ret) {
		self->ret = zc_bind_queue(&zc, &queue, FLOW_FURTHER_RXQ, false);
		if (!self->ret)
			self->ret = zc_unbind_queue(&zc, &queue);
		__atomic_fetch_add(&self->restarts, 1, __ATOMIC_RELEASE);
	}
	zc_close(&zc);
	return NULL;
}

static bool restarts(const FIXTURE_DATA(leaving) *self)
{
	unsigned int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited++) {
		if (__atomic_load_n(&self->restarts, __ATOMIC_ACQUIRE) > 2)
			return true;
		usleep(1000);
	}
	return false;
}

TEST_F_TIMEOUT(leaving, restarts_go_on, TIMEOUT)
{
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, flow_widen());
		ASSERT_EQ(0, flow_steer(FLOW_FURTHER_RXQ, FLOW_FURTHER_RXQ));
		self->restarts = 0;
		ASSERT_EQ(0, pthread_create(&thread, NULL, restart_queues,
					    self));
		demand_rtnl(self);
		ASSERT_LT(0, self->demands);
		ASSERT_TRUE(restarts(self)) TH_LOG("%d", self->ret);
		ASSERT_EQ(0, run_within(UNBIND, self->slot));
		end_demand(self);
		EXPECT_EQ(0, if_nametoindex(WIRE_IF));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(-ENODEV, self->ret);
		ASSERT_EQ(0, run_within(BIND " && " SET_UP, self->slot));
	}
}

/*
 * A binding of socket devmem, which lives as long as a netlink socket does.
 */
FIXTURE(devmem)
{
	struct area area;
	struct devmem_rx rx;
	int binding;
	char slot[32];
};

FIXTURE_VARIANT(devmem)
{
	const char *leave;
	const char *come;
	bool early;	/* ends before the NIC does */
	bool late;	/* ends when there is a NIC again */
};

FIXTURE_VARIANT_ADD(devmem, unbind)
{
	.leave = UNBIND,
	.come = BIND " && " SET_UP,
};

FIXTURE_VARIANT_ADD(devmem, unbind_late)
{
	.leave = UNBIND,
	.come = BIND " && " SET_UP,
	.late = true,
};

FIXTURE_VARIANT_ADD(devmem, hot_unplug)
{
	.leave = REMOVE,
	.come = RESCAN " && " SET_UP,
};

FIXTURE_VARIANT_ADD(devmem, hot_unplug_late)
{
	.leave = REMOVE,
	.come = RESCAN " && " SET_UP,
	.late = true,
};

FIXTURE_VARIANT_ADD(devmem, unbind_early)
{
	.leave = UNBIND,
	.come = BIND " && " SET_UP,
	.early = true,
};

FIXTURE_VARIANT_ADD(devmem, hot_unplug_early)
{
	.leave = REMOVE,
	.come = RESCAN " && " SET_UP,
	.early = true,
};

/* Binds WIRE_RXQ of what is WIRE_IF now. */
static int bind_devmem(FIXTURE_DATA(devmem) *self)
{
	unsigned int ifindex = if_nametoindex(WIRE_IF);

	self->rx = (struct devmem_rx) { };
	self->binding = netdev_bind_rx(ifindex, WIRE_RXQ, self->area.dmabuf_fd,
				       &self->rx.dm.dmabuf_id);
	if (self->binding < 0)
		return self->binding;
	return queue_provider(ifindex, WIRE_RXQ) == QUEUE_DMABUF ? 0 : -ENODATA;
}

/* All of a stream. Returns 0 or -errno. */
static int receive_devmem(FIXTURE_DATA(devmem) *self)
{
	struct wire wire;
	int ret;

	ret = wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false);
	if (ret)
		return ret;
	devmem_rx_init(&self->rx, wire.sock, &self->area, &stream);
	ret = devmem_rx_all(&self->rx);
	if (!ret && (self->rx.bytes != STREAM_LEN || self->rx.dm.linear))
		ret = -EPIPE;
	return wire_close(&wire) ? -EIO : ret;
}

FIXTURE_SETUP(devmem)
{
	unsigned int ifindex = if_nametoindex(WIRE_IF);
	const char *failed;

	ASSERT_EQ(0, nic_pci_address(WIRE_IF, self->slot,
				     sizeof(self->slot)));
	ASSERT_EQ(0, queue_wait_free(ifindex, WIRE_RXQ, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, netdev_wait_no_pools(ifindex, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 79);
	ASSERT_EQ(0, area_open(&self->area, AREA_UDMABUF, AREA_LEN, &failed))
		TH_LOG("%s failed", failed);
	ASSERT_EQ(0, bind_devmem(self));
}

/* The NIC that is there now is bound to nothing, and can be bound. */
FIXTURE_TEARDOWN(devmem)
{
	unsigned int ifindex = if_nametoindex(WIRE_IF);

	EXPECT_EQ(QUEUE_PAGES, queue_provider(ifindex, WIRE_RXQ));
	EXPECT_EQ(0, netdev_wait_no_pools(ifindex, WIRE_PATIENCE_MS));

	ASSERT_EQ(0, bind_devmem(self));
	EXPECT_EQ(0, receive_devmem(self));
	EXPECT_EQ(0, close(self->binding));
	EXPECT_EQ(0, queue_wait_free(ifindex, WIRE_RXQ, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(ifindex, WIRE_PATIENCE_MS));
	area_close(&self->area);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F_TIMEOUT(devmem, outlives_nic, TIMEOUT)
{
	EXPECT_EQ(0, receive_devmem(self));

	if (variant->early)
		EXPECT_EQ(0, close(self->binding));
	ASSERT_EQ(0, run_within(variant->leave, self->slot));
	EXPECT_EQ(0, if_nametoindex(WIRE_IF));
	if (!variant->late && !variant->early)
		EXPECT_EQ(0, close(self->binding));
	ASSERT_EQ(0, run_within(variant->come, self->slot));
	if (variant->late) {
		/* the new one is not what it is of */
		EXPECT_EQ(QUEUE_PAGES, queue_provider(if_nametoindex(WIRE_IF),
						      WIRE_RXQ));
		EXPECT_EQ(0, close(self->binding));
	}
}

/* Payload lies in a socket, and so the binding's buffers are still in use. */
TEST_F_TIMEOUT(devmem, outlives_nic_with_payload, TIMEOUT)
{
	struct pollfd pfd = { .events = POLLIN };
	struct wire wire;

	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, true));
	pfd.fd = wire.sock;
	ASSERT_EQ(1, poll(&pfd, 1, WIRE_PATIENCE_MS));

	if (variant->early)
		EXPECT_EQ(0, close(self->binding));
	ASSERT_EQ(0, run_within(variant->leave, self->slot));
	if (!variant->late) {
		if (!variant->early)
			EXPECT_EQ(0, close(self->binding));
		close(wire.sock);
	}
	ASSERT_EQ(0, run_within(variant->come, self->slot));
	if (variant->late) {
		EXPECT_EQ(0, close(self->binding));
		close(wire.sock);
	}
	kill(wire.peer, SIGKILL);
	peer_wait(wire.peer);
}

TEST_HARNESS_MAIN
