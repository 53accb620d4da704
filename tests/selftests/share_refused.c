// SPDX-License-Identifier: GPL-2.0
/*
 * Exports and imports with something wrong: each gets its errno, of any two
 * things wrong the one that is checked earlier wins, and a failure leaves
 * neither a file descriptor nor a hold on the ifq behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/pins.h"
#include "lib/share.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define PAGE		4096
#define AREA_LEN	(4 * 1024 * 1024)
/* in no mapping, and not 0 either */
#define BAD_PTR		((void *)8)
#define NO_FD		1000
/* An mmap offset has room for so many ids. */
#define NR_IDS		2048

/* An ifq with its ring, its file descriptor, and a ring without an ifq. */
FIXTURE(refused)
{
	struct share *share;
	struct side owner, other;
	int fd;
	void *page;	/* that the arguments lie in */
};

FIXTURE_SETUP(refused)
{
	ASSERT_EQ(0, share_wait_free());
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	/* the area is a dma-buf: a file descriptor to be wrong with */
	ASSERT_EQ(0, share_open(&self->share, AREA_UDMABUF, AREA_LEN, false));
	ASSERT_EQ(0, side_register(&self->owner, self->share));
	ASSERT_EQ(0, side_open(&self->other, self->share));
	self->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->page);
	self->fd = side_export(&self->owner);
}

FIXTURE_TEARDOWN(refused)
{
	if (self->fd >= 0)
		close(self->fd);
	side_close(&self->owner);
	side_close(&self->other);
	share_close(self->share);
	EXPECT_EQ(0, share_wait_free());
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* A call, to be spoilt. */
struct call {
	int ring_fd;
	unsigned int opcode;
	unsigned int nr_args;
	void *arg;
	union {
		struct zcrx_ctrl ctrl;
		struct io_uring_zcrx_ifq_reg reg;
	};
	bool read_only;		/* what arg points to */
	bool no_fds;		/* the process may have no more of them */

	/* for spoiling */
	int socket, dmabuf, path;
};

/*
 * A way to be wrong. Of two with the same place not both can be: what they
 * spoil is the same field, or is looked at by one kind of call alone.
 */
enum place { NONE, NR_ARGS, ARG, ID, OP, IF_IDX };

struct wrong {
	const char *name;
	int err;
	enum place place;
	void (*spoil)(struct call *c);
};

#define SPOIL(name, ...)						\
	static void name(struct call *c)				\
	{								\
		__VA_ARGS__;						\
	}

SPOIL(nr_args_0, c->nr_args = 0)
SPOIL(nr_args_1, c->nr_args = 1)
SPOIL(nr_args_2, c->nr_args = 2)
SPOIL(arg_null, c->arg = NULL)
SPOIL(arg_bad, c->arg = BAD_PTR)
SPOIL(arg_read_only, c->read_only = true)

SPOIL(header_first, c->ctrl.__resv[0] = 1)
SPOIL(header_last, c->ctrl.__resv[1] = 1ull << 63)
SPOIL(id_1, c->ctrl.zcrx_id = 1)
SPOIL(id_16_bits, c->ctrl.zcrx_id = 1u << 16)
SPOIL(id_32_bits, c->ctrl.zcrx_id = ~0u)
SPOIL(op_behind_last, c->ctrl.op = __ZCRX_CTRL_LAST)
SPOIL(op_32_bits, c->ctrl.op = 1u << 31 | ZCRX_CTRL_EXPORT)
SPOIL(payload_fd, c->ctrl.zc_export.zcrx_fd = 1)
SPOIL(payload_first, c->ctrl.zc_export.__resv1[0] = 1)
SPOIL(payload_last, c->ctrl.zc_export.__resv1[10] = 1u << 31)
SPOIL(no_fds, c->no_fds = true)

/* In the order in which they are checked. */
static const struct wrong ctrl_wrong[] = {
	{ "nr_args 1", EINVAL, NR_ARGS, nr_args_1 },
	{ "nr_args 2", EINVAL, NR_ARGS, nr_args_2 },
	{ "null", EFAULT, ARG, arg_null },
	{ "bad pointer", EFAULT, ARG, arg_bad },
	{ "header's first", EFAULT, NONE, header_first },
	{ "header's last", EFAULT, NONE, header_last },
	{ "id 1", ENXIO, ID, id_1 },
	{ "id of 17 bits", ENXIO, ID, id_16_bits },
	{ "id of 32 bits", ENXIO, ID, id_32_bits },
	/* one that is unknown reads no payload */
	{ "op", EOPNOTSUPP, OP, op_behind_last },
	{ "op of 32 bits", EOPNOTSUPP, OP, op_32_bits },
	{ "payload's fd", EINVAL, OP, payload_fd },
	{ "payload's first", EINVAL, OP, payload_first },
	{ "payload's last", EINVAL, OP, payload_last },
	{ "out of fds", EMFILE, NONE, no_fds },
	{ "read only", EFAULT, ARG, arg_read_only },
};

SPOIL(resv_first, c->reg.__resv[0] = 1)
SPOIL(resv_last, c->reg.__resv[1] = 1ull << 63)
SPOIL(zcrx_id_set, c->reg.zcrx_id = 1)
SPOIL(flag_unknown, c->reg.flags |= 1u << 31)
SPOIL(flag_nodev, c->reg.flags |= ZCRX_REG_NODEV)
SPOIL(if_rxq, c->reg.if_rxq = 1)
SPOIL(rq_entries, c->reg.rq_entries = 1024)
SPOIL(area_ptr, c->reg.area_ptr = (uintptr_t)BAD_PTR)
SPOIL(region_ptr, c->reg.region_ptr = (uintptr_t)BAD_PTR)
SPOIL(event_desc, c->reg.event_desc = (uintptr_t)BAD_PTR)
SPOIL(fd_minus_one, c->reg.if_idx = -1)
SPOIL(fd_closed, c->reg.if_idx = NO_FD)
SPOIL(fd_socket, c->reg.if_idx = c->socket)
SPOIL(fd_ring, c->reg.if_idx = c->ring_fd)
SPOIL(fd_dmabuf, c->reg.if_idx = c->dmabuf)
SPOIL(fd_path, c->reg.if_idx = c->path)

static const struct wrong import_wrong[] = {
	{ "nr_args 0", EINVAL, NR_ARGS, nr_args_0 },
	{ "nr_args 2", EINVAL, NR_ARGS, nr_args_2 },
	{ "bad pointer", EFAULT, ARG, arg_bad },
	{ "reserved, first", EINVAL, NONE, resv_first },
	{ "reserved, last", EINVAL, NONE, resv_last },
	{ "zcrx_id", EINVAL, NONE, zcrx_id_set },
	{ "unknown flag", EINVAL, NONE, flag_unknown },
	{ "nodev", EINVAL, NONE, flag_nodev },
	{ "if_rxq", EINVAL, NONE, if_rxq },
	{ "rq_entries", EINVAL, NONE, rq_entries },
	{ "area_ptr", EINVAL, NONE, area_ptr },
	{ "region_ptr", EINVAL, NONE, region_ptr },
	{ "event_desc", EINVAL, NONE, event_desc },
	{ "fd -1", EBADF, IF_IDX, fd_minus_one },
	{ "closed fd", EBADF, IF_IDX, fd_closed },
	{ "socket", EBADF, IF_IDX, fd_socket },
	{ "ring", EBADF, IF_IDX, fd_ring },
	{ "dma-buf", EBADF, IF_IDX, fd_dmabuf },
	{ "O_PATH", EBADF, IF_IDX, fd_path },
	{ "read only", EFAULT, ARG, arg_read_only },
};

static struct call good_export(const FIXTURE_DATA(refused) *self)
{
	return (struct call) {
		.ring_fd = self->owner.zc.ring.ring_fd,
		.opcode = IORING_REGISTER_ZCRX_CTRL,
		.arg = self->page,
		.ctrl = { .op = ZCRX_CTRL_EXPORT },
	};
}

static struct call good_import(const FIXTURE_DATA(refused) *self)
{
	return (struct call) {
		.ring_fd = self->other.zc.ring.ring_fd,
		.opcode = IORING_REGISTER_ZCRX_IFQ,
		.nr_args = 1,
		.arg = self->page,
		.reg = { .flags = ZCRX_REG_IMPORT, .if_idx = self->fd },
		.dmabuf = self->share->area.dmabuf_fd,
	};
}

/* Makes the call. What it writes back is in the page. */
static int make(const struct call *c, void *page)
{
	const size_t len = sizeof(c->reg) > sizeof(c->ctrl) ?
			   sizeof(c->reg) : sizeof(c->ctrl);
	struct rlimit limit, none;
	int ret;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -ENOTRECOVERABLE;
	none = limit;
	none.rlim_cur = 0;
	memcpy(page, &c->reg, len);
	if (c->read_only && mprotect(page, PAGE, PROT_READ))
		return -ENOTRECOVERABLE;
	if (c->no_fds && setrlimit(RLIMIT_NOFILE, &none))
		return -ENOTRECOVERABLE;

	ret = io_uring_register(c->ring_fd, c->opcode, c->arg, c->nr_args);

	if (setrlimit(RLIMIT_NOFILE, &limit) ||
	    mprotect(page, PAGE, PROT_READ | PROT_WRITE))
		return -ENOTRECOVERABLE;
	/* a failure has written nothing */
	if (ret < 0 && memcmp(page, &c->reg, len))
		return -ENOTUNIQ;
	return ret;
}

/* File descriptors of the process, and the one that this needs itself. */
static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	while (dir && readdir(dir))
		nr++;
	if (dir)
		closedir(dir);
	return nr;
}

/* Each of them alone, and any two of them. */
static void try_all(struct __test_metadata *_metadata, const struct call *good,
		    void *page, const struct wrong *wrong, unsigned int nr)
{
	int fds = count_fds();
	const struct wrong *first, *second;

	ASSERT_LT(0, fds);
	for (first = wrong; first < wrong + nr; first++) {
		for (second = first; second < wrong + nr; second++) {
			struct call c = *good;

			if (second != first && first->place != NONE &&
			    first->place == second->place)
				continue;
			second->spoil(&c);
			first->spoil(&c);
			EXPECT_EQ(-first->err, make(&c, page))
				TH_LOG("%s, %s", first->name, second->name);
			EXPECT_EQ(fds, count_fds())
				TH_LOG("%s, %s", first->name, second->name);
		}
	}
}

/*
 * None of all that failed holds the ifq: when its ring and the one file
 * descriptor have gone, it is gone, though the other ring is still there.
 */
static void expect_unheld(struct __test_metadata *_metadata,
			  FIXTURE_DATA(refused) *self)
{
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, side_close_wait(&self->owner));
	EXPECT_EQ(0, share_wait_free());
}

TEST_F_TIMEOUT(refused, export, TIMEOUT)
{
	struct call good = good_export(self);
	struct zcrx_ctrl *ctrl = self->page;

	try_all(_metadata, &good, self->page, ctrl_wrong,
		ARRAY_SIZE(ctrl_wrong));

	/* with nothing wrong: what is not asked for stays as it is */
	ASSERT_EQ(0, make(&good, self->page));
	EXPECT_LT(2, ctrl->zc_export.zcrx_fd);
	EXPECT_NE(self->fd, ctrl->zc_export.zcrx_fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(ctrl->zc_export.zcrx_fd, F_GETFD));
	EXPECT_EQ(0, close(ctrl->zc_export.zcrx_fd));
	ctrl->zc_export.zcrx_fd = 0;
	EXPECT_EQ(0, memcmp(ctrl, &good.ctrl, sizeof(*ctrl)));

	/* a ring without an ifq */
	good.ring_fd = self->other.zc.ring.ring_fd;
	EXPECT_EQ(-ENXIO, make(&good, self->page));
	expect_unheld(_metadata, self);
}

TEST_F_TIMEOUT(refused, import, TIMEOUT)
{
	struct call good = good_import(self);
	char path[32];

	ASSERT_LE(0, self->fd);
	good.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, good.socket);
	/* the very file, but opened for its name alone */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	good.path = open(path, O_PATH | O_CLOEXEC);
	ASSERT_LE(0, good.path);
	try_all(_metadata, &good, self->page, import_wrong,
		ARRAY_SIZE(import_wrong));
	close(good.socket);
	close(good.path);
	expect_unheld(_metadata, self);
}

/* A ring has so many ids, each once, and none for whom there is no more. */
TEST_F_TIMEOUT(refused, out_of_ids, TIMEOUT)
{
	struct call good = good_import(self), later = good;
	struct io_uring_zcrx_ifq_reg *reg = self->page;
	__u32 id;

	ASSERT_LE(0, self->fd);
	for (id = 0; id < NR_IDS; id++) {
		ASSERT_EQ(0, make(&good, self->page));
		ASSERT_EQ(id, reg->zcrx_id);
	}
	EXPECT_EQ(-EBUSY, make(&good, self->page));
	/* what else is wrong was seen before */
	later.reg.if_idx = NO_FD;
	EXPECT_EQ(-EBADF, make(&later, self->page));

	/* another ring is not concerned, and whoever failed holds nothing */
	good.ring_fd = self->owner.zc.ring.ring_fd;
	EXPECT_EQ(0, make(&good, self->page));
	EXPECT_EQ(1, reg->zcrx_id);
	EXPECT_EQ(0, side_close_wait(&self->other));
	expect_unheld(_metadata, self);
}

/* No id was used up by failures, and one that succeeds does hold the ifq. */
TEST_F_TIMEOUT(refused, then_import, TIMEOUT)
{
	struct call good = good_import(self), spoilt = good;
	struct io_uring_zcrx_ifq_reg *reg = self->page;
	__u32 id;

	ASSERT_LE(0, self->fd);
	for (id = 0; id < 3; id++) {
		spoilt.read_only = true;
		EXPECT_EQ(-EFAULT, make(&spoilt, self->page));
		ASSERT_EQ(0, make(&good, self->page));
		EXPECT_EQ(id, reg->zcrx_id);
	}
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, side_close_wait(&self->owner));
	EXPECT_EQ(QUEUE_IO_URING, share_provider());
}

/* A ring that could not have registered it cannot import it, either. */
static void expect_wrong_ring(struct __test_metadata *_metadata,
			      FIXTURE_DATA(refused) *self, unsigned int flags)
{
	struct call call = good_import(self);
	struct io_uring ring;

	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, io_uring_queue_init(8, &ring, flags));
	call.ring_fd = ring.ring_fd;
	EXPECT_EQ(-EINVAL, make(&call, self->page));
	/* known before anything is read */
	call.arg = BAD_PTR;
	EXPECT_EQ(-EINVAL, make(&call, self->page));
	io_uring_queue_exit(&ring);

	/* and that was what was wrong */
	call = good_import(self);
	EXPECT_EQ(0, make(&call, self->page));
}

TEST_F_TIMEOUT(refused, needs_defer_taskrun, TIMEOUT)
{
	expect_wrong_ring(_metadata, self, IORING_SETUP_CQE32);
}

TEST_F_TIMEOUT(refused, needs_cqe32, TIMEOUT)
{
	expect_wrong_ring(_metadata, self, IORING_SETUP_SINGLE_ISSUER |
					   IORING_SETUP_DEFER_TASKRUN);
}

static int set_capability(int cap, bool on)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	data[cap / 32].effective &= ~(1u << cap % 32);
	data[cap / 32].effective |= (__u32)on << cap % 32;
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

TEST_F_TIMEOUT(refused, needs_the_capability, TIMEOUT)
{
	struct call call = good_import(self);

	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, set_capability(CAP_NET_ADMIN, false));
	EXPECT_EQ(-EPERM, make(&call, self->page));
	/* before anything is read */
	call.arg = BAD_PTR;
	EXPECT_EQ(-EPERM, make(&call, self->page));
	call.arg = self->page;
	ASSERT_EQ(0, set_capability(CAP_NET_ADMIN, true));
	EXPECT_EQ(0, make(&call, self->page));
}

TEST_HARNESS_MAIN
