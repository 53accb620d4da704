// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/udmabuf, which dma-buf areas come from: what it refuses it refuses with
 * nothing left behind, and memory that must not be written, or may go, never
 * becomes a dma-buf.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/expect.h"
#include "lib/pins.h"
#include "lib/sh.h"
#include "lib/subject.h"
#include "lib/wire.h"

#define TIMEOUT		180
#define PAGE		4096ULL
#define MIB		(1024 * 1024ULL)
#define PAGES		64ULL
#define LEN		(PAGES * PAGE)

#define PARAMETERS	"/sys/module/udmabuf/parameters/"
#define LIST_LIMIT	1024U
#define SIZE_LIMIT	(64 * MIB)
#define LIST_MAX	(LIST_LIMIT + 1)

/* A list as the kernel wants it, with room for one entry too many. */
struct list {
	struct udmabuf_create_list head;
	struct udmabuf_create_item item[LIST_MAX];
};

static struct list list;

/* Returns a file descriptor or -errno. */
static int create(int dev, const struct list *l)
{
	int fd = ioctl(dev, UDMABUF_CREATE_LIST, l);

	return fd < 0 ? -errno : fd;
}

/* So many entries, each the whole memfd. */
static void list_init(int memfd, __u32 count, __u64 size)
{
	__u32 i;

	list.head.flags = UDMABUF_FLAGS_CLOEXEC;
	list.head.count = count;
	for (i = 0; i < count && i < LIST_MAX; i++)
		list.item[i] = (struct udmabuf_create_item) {
			.memfd = memfd,
			.size = size,
		};
}

/* A memfd with pages in it, and seals; -1 for one that takes none. */
static int open_memfd_of(size_t len, int seals)
{
	const unsigned int flags = seals < 0 ? 0 : MFD_ALLOW_SEALING;
	int fd = memfd_create("udmabuf-test", MFD_CLOEXEC | flags);

	if (fd < 0 || fallocate(fd, 0, 0, len) ||
	    (seals > 0 && fcntl(fd, F_ADD_SEALS, seals)))
		return -1;
	return fd;
}

static int open_memfd(int seals)
{
	return open_memfd_of(LEN, seals);
}

/*
 * What there is in the machine: nobody else opens, pins or fills anything.
 */
static long count_pages(const char *name)
{
	char line[128], key[64];
	long value = -1, n;
	FILE *f;

	/* pins_now() has the counters of all CPUs added up */
	if (pins_now() < 0)
		return -1;
	f = fopen("/proc/vmstat", "re");
	while (f && value < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", key, &n) == 2 &&
		    !strcmp(key, name))
			value = n;
	if (f)
		fclose(f);
	return value;
}

/* The lowest file descriptor that is free. */
static int free_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* The device, a memfd as it should be, and what there was before them. */
struct used {
	int dev;
	int memfd;
	int fd;		/* free from here on */
	long shmem;	/* pages of memfds */
};

/* Returns NULL, or what is wrong. */
static const char *used_open(struct used *u)
{
	u->shmem = count_pages("nr_shmem");
	if (u->shmem < 0)
		return "the kernel does not tell";
	if (pins_wait(0, WIRE_PATIENCE_MS))
		return "something is pinned";
	if (sh("echo %u >" PARAMETERS "list_limit && "
	       "echo %llu >" PARAMETERS "size_limit_mb", LIST_LIMIT,
	       SIZE_LIMIT / MIB))
		return "no parameters";
	u->dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (u->dev < 0)
		return "no /dev/udmabuf";
	u->memfd = open_memfd(F_SEAL_SHRINK);
	if (u->memfd < 0)
		return "no memfd";
	u->fd = free_fd();
	return NULL;
}

static bool shmem_is_back(const struct used *u)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (count_pages("nr_shmem") <= u->shmem)
			return true;
		nanosleep(&ms10, NULL);
	}
	return false;
}

/*
 * No page is pinned, no memfd is held, and nobody can still write to the one
 * that was good: F_SEAL_WRITE fails as long as a page of it has another user.
 */
static const char *used_close(struct used *u)
{
	if (pins_wait(0, WIRE_PATIENCE_MS))
		return "something stayed pinned";
	if (free_fd() != u->fd)
		return "another file descriptor is free";
	if (fcntl(u->memfd, F_ADD_SEALS, F_SEAL_WRITE))
		return "a page of the memfd is used";
	close(u->memfd);
	close(u->dev);
	return shmem_is_back(u) ? NULL : "a memfd did not go";
}

FIXTURE(udmabuf)
{
	struct used u;
};

FIXTURE_SETUP(udmabuf)
{
	EXPECT_NO_FAULT(used_open(&self->u));
}

FIXTURE_TEARDOWN(udmabuf)
{
	EXPECT_NO_FAULT(used_close(&self->u));
}

/* So many pages are pinned while there is a good one, and none after. */
#define EXPECT_CREATED(pages)						\
	do {								\
		int __fd = create(self->u.dev, &list);			\
		const long __pages = pages;				\
									\
		EXPECT_EQ(self->u.fd, __fd);				\
		EXPECT_EQ(__pages, pins_now());				\
		EXPECT_EQ(__pages * PAGE, lseek(__fd, 0, SEEK_END));	\
		close(__fd);						\
		EXPECT_EQ(0, pins_now());				\
	} while (0)

#define EXPECT_REFUSED(error)						\
	do {								\
		EXPECT_EQ(-(error), create(self->u.dev, &list));	\
		EXPECT_EQ(0, pins_now());				\
	} while (0)

TEST_F_TIMEOUT(udmabuf, length_of_list, TIMEOUT)
{
	/* times 24, some fit into 32 bits after all */
	static const __u32 bad[] = {
		LIST_LIMIT + 1, 0x0aaaaaab, 0x15555556, 0x20000001, 0x7fffffff,
		0x80000000, 0x80000001, 0xaaaaaaab, 0xffffffff, 0,
	};
	size_t i;

	list_init(self->u.memfd, LIST_LIMIT, PAGE);
	EXPECT_CREATED(LIST_LIMIT);
	list_init(self->u.memfd, LIST_MAX, PAGE);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		list.head.count = bad[i];
		EXPECT_REFUSED(EINVAL);
	}

	/* fewer are allowed now, and the same list is too long */
	list_init(self->u.memfd, 16, PAGE);
	EXPECT_CREATED(16);
	ASSERT_EQ(0, sh("echo 15 >" PARAMETERS "list_limit"));
	EXPECT_REFUSED(EINVAL);
	list.head.count = 15;
	EXPECT_CREATED(15);
}

TEST_F_TIMEOUT(udmabuf, list_half_readable, TIMEOUT)
{
	const size_t len = sizeof(list.head) + 3 * sizeof(list.item[0]);
	const struct list *half;

	list_init(self->u.memfd, 3, PAGE);
	half = (const void *)(uintptr_t)half_readable(&list, len);
	ASSERT_NE(NULL, half);
	EXPECT_EQ(-EFAULT, create(self->u.dev, half));
	EXPECT_EQ(-EFAULT, create(self->u.dev, NULL));
	/* all of it is there */
	EXPECT_CREATED(3);
}

TEST_F_TIMEOUT(udmabuf, size_of_all, TIMEOUT)
{
	const __u32 most = SIZE_LIMIT / LEN;

	list_init(self->u.memfd, most, LEN);
	EXPECT_CREATED(SIZE_LIMIT / PAGE);
	/* a page more, at the end or in front */
	list_init(self->u.memfd, most + 1, LEN);
	list.item[most].size = PAGE;
	EXPECT_REFUSED(EINVAL);
	list.item[most].size = LEN;
	list.item[0].size = PAGE;
	EXPECT_REFUSED(EINVAL);
	ASSERT_EQ(0, sh("echo 0 >" PARAMETERS "size_limit_mb"));
	list_init(self->u.memfd, 1, PAGE);
	EXPECT_REFUSED(EINVAL);
}

/* Each pair is 0, or a little, in 64 bits. */
TEST_F_TIMEOUT(udmabuf, sizes_that_overflow, TIMEOUT)
{
	static const __u64 size[][2] = {
		{ 1ULL << 63, 1ULL << 63 },
		{ -PAGE, PAGE },
		{ PAGE, -PAGE },
		{ -LEN, LEN + PAGE },
		{ -(1ULL << 44), (1ULL << 44) + PAGE },
		{ 1ULL << 44, -(1ULL << 44) + PAGE },
		{ -PAGE, -PAGE },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(size); i++) {
		list_init(self->u.memfd, 2, PAGE);
		list.item[0].size = size[i][0];
		list.item[1].size = size[i][1];
		EXPECT_REFUSED(EINVAL);
		/* behind one that is good */
		list_init(self->u.memfd, 4, PAGE);
		list.item[2].size = size[i][0];
		list.item[3].size = size[i][1];
		EXPECT_REFUSED(EINVAL);
	}
	/* the same by the arithmetic alone, as hardly anything is too much */
	ASSERT_EQ(0, sh("echo 2147483647 >" PARAMETERS "size_limit_mb"));
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		list_init(self->u.memfd, 2, PAGE);
		list.item[0].size = size[i][0];
		list.item[1].size = size[i][1];
		EXPECT_REFUSED(EINVAL);
	}
}

/* Parts of a memfd that are none. */
TEST_F_TIMEOUT(udmabuf, beyond_the_memfd, TIMEOUT)
{
	static const struct udmabuf_create_item bad[] = {
		{ .offset = LEN, .size = PAGE },
		{ .offset = LEN - PAGE, .size = 2 * PAGE },
		{ .offset = 0, .size = LEN + PAGE },
		{ .offset = -PAGE, .size = PAGE },
		{ .offset = -PAGE, .size = 2 * PAGE },
		{ .offset = (1ULL << 63) - PAGE, .size = 2 * PAGE },
		{ .offset = 1ULL << 63, .size = PAGE },
		{ .offset = 1, .size = PAGE },
		{ .offset = PAGE - 1, .size = PAGE },
		{ .offset = 0, .size = PAGE + 1 },
		{ .offset = 0, .size = PAGE - 1 },
		{ .offset = 0, .size = 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		/* alone, and as the last of some */
		list_init(self->u.memfd, 1, PAGE);
		list.item[0] = bad[i];
		list.item[0].memfd = self->u.memfd;
		EXPECT_REFUSED(EINVAL);
		list_init(self->u.memfd, 5, LEN);
		list.item[4] = bad[i];
		list.item[4].memfd = self->u.memfd;
		EXPECT_REFUSED(EINVAL);
	}
	list_init(self->u.memfd, 1, PAGE);
	list.item[0].offset = LEN - PAGE;
	EXPECT_CREATED(1);
}

/*
 * A file that may not be in a list, at any place in it: what went before is
 * let go.
 */
FIXTURE(bad_file)
{
	struct used u;
	int bad;
};

FIXTURE_VARIANT(bad_file)
{
	int seals;		/* of a memfd, or */
	const char *path;
	int error;
};

FIXTURE_VARIANT_ADD(bad_file, none)
{
	.error = EBADFD,
};

FIXTURE_VARIANT_ADD(bad_file, no_sealing)
{
	.seals = -1,
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_file, may_shrink)
{
	.seals = F_SEAL_GROW,
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_file, sealed_write)
{
	.seals = F_SEAL_SHRINK | F_SEAL_WRITE,
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_file, sealed_future_write)
{
	.seals = F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE,
	.error = EINVAL,
};

FIXTURE_VARIANT_ADD(bad_file, device)
{
	.path = "/dev/null",
	.error = EBADFD,
};

FIXTURE_VARIANT_ADD(bad_file, proc)
{
	.path = "/proc/self/maps",
	.error = EBADFD,
};

FIXTURE_VARIANT_ADD(bad_file, udmabuf_itself)
{
	.path = "/dev/udmabuf",
	.error = EBADFD,
};

FIXTURE_SETUP(bad_file)
{
	self->bad = 1000;	/* nothing is open there */
	EXPECT_NO_FAULT(used_open(&self->u));
	if (variant->path)
		self->bad = open(variant->path, O_RDONLY | O_CLOEXEC);
	else if (variant->seals)
		self->bad = open_memfd(variant->seals);
	ASSERT_LE(0, self->bad);
	self->u.fd = free_fd();
}

FIXTURE_TEARDOWN(bad_file)
{
	EXPECT_EQ(self->u.fd, free_fd());
	close(self->bad);
	self->u.fd = free_fd();
	EXPECT_NO_FAULT(used_close(&self->u));
}

TEST_F_TIMEOUT(bad_file, anywhere, TIMEOUT)
{
	static const __u32 at[] = { 0, 1, 9, 18, 19 };
	struct udmabuf_create alone = { .memfd = self->bad, .size = PAGE };
	const __u32 nr = 20;
	size_t i;

	EXPECT_EQ(-1, ioctl(self->u.dev, UDMABUF_CREATE, &alone));
	EXPECT_EQ(variant->error, errno);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		list_init(self->u.memfd, nr, LEN);
		list.item[at[i]].memfd = self->bad;
		EXPECT_REFUSED(variant->error);
	}
	/* the rest of them was all right */
	list_init(self->u.memfd, nr, LEN);
	EXPECT_CREATED(nr * PAGES);
}

/* All is well but for the file descriptor. */
TEST_F_TIMEOUT(udmabuf, no_descriptor, TIMEOUT)
{
	struct rlimit limit, none;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = self->u.fd;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	list_init(self->u.memfd, 4, LEN);
	/* pins_now() would need one */
	EXPECT_EQ(-EMFILE, create(self->u.dev, &list));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(0, pins_now());
	EXPECT_CREATED(4 * PAGES);
}

/* Where there is a dma-buf, its memory cannot become read-only. */
TEST_F_TIMEOUT(udmabuf, keeps_writable, TIMEOUT)
{
	int fd;

	list_init(self->u.memfd, 1, LEN);
	fd = create(self->u.dev, &list);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, fcntl(self->u.memfd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-1, ftruncate(self->u.memfd, 0));
	EXPECT_EQ(EPERM, errno);
	close(fd);
}

/*
 * The CPU is first to come, in one direction and then in the other. What the DMA
 * API makes of that the debug kernel tells.
 */
TEST_F_TIMEOUT(udmabuf, cpu_comes_first, TIMEOUT)
{
	static const __u64 first[] = { DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(first); i++) {
		struct dma_buf_sync sync;
		unsigned int step;
		int fd;

		list_init(self->u.memfd, 1, LEN);
		fd = create(self->u.dev, &list);
		ASSERT_LE(0, fd);
		for (step = 0; step < 4; step++) {
			/* start and end of the first, of the other */
			sync.flags = step < 2 ? first[i] : first[!i];
			sync.flags |= step % 2 ? DMA_BUF_SYNC_END :
						 DMA_BUF_SYNC_START;
			EXPECT_EQ(0, ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
		}
		close(fd);
		EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	}
}

/*
 * Either the memfd is sealed or it is in a dma-buf, whichever comes first. Who
 * was late gets a head start, so that both go on coming close to each other.
 */
#define ROUNDS		1000
#define EACH_WAY	100
/* Loops by which the head start grows or shrinks. */
#define STEP_MIN	64
#define STEP_MAX	(1 << 18)
/* Many pages, so that the one that seals has to look at them for long. */
#define RACE_LEN	(4 * MIB)

struct race {
	int ready;	/* who is: 2 is go */
	int memfd;
	int wait;
	int sealed;	/* 0 or -errno */
};

/* Both leave at once: a wake-up would take longer than what they race for. */
static void meet(int *ready)
{
	__atomic_add_fetch(ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(ready, __ATOMIC_ACQUIRE) < 2)
		;
}

static void spin(int loops)
{
	volatile int i;

	for (i = 0; i < loops; i++)
		;
}

static int run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

/*
 * Those who seal wait for all that have a page, be it the CPU that put it on
 * the list of the least recently used. Such waits would end each race.
 */
static int take_off_cpu(void)
{
	static char page[2 * PAGE];
	char *p = page + PAGE - (uintptr_t)page % PAGE;

	*p = 1;
	return madvise(p, PAGE, MADV_COLD) ? -errno : 0;
}

static void *add_seal(void *arg)
{
	struct race *race = arg;

	run_on(1);
	meet(&race->ready);
	spin(race->wait);
	race->sealed = fcntl(race->memfd, F_ADD_SEALS, F_SEAL_WRITE) ?
		       -errno : 0;
	return NULL;
}

/* By how much next, if the same came first as before, or the other. */
static int next_step(int step, bool same)
{
	if (same)
		return step < STEP_MAX ? step * 2 : step;
	return step / 4 > STEP_MIN ? step / 4 : STEP_MIN;
}

TEST_F_TIMEOUT(udmabuf, sealed_meanwhile, TIMEOUT)
{
	int sealed = 0, created = 0, late = 0, step = STEP_MIN, rounds;
	bool last = false;
	struct race race;
	pthread_t thread;

	ASSERT_EQ(0, run_on(0));
	for (rounds = 0; rounds < ROUNDS; rounds++) {
		int fd;

		race.memfd = open_memfd_of(RACE_LEN, F_SEAL_SHRINK);
		ASSERT_LE(0, race.memfd);
		ASSERT_EQ(0, take_off_cpu());
		race.ready = 0;
		race.wait = late < 0 ? -late : 0;
		/* one entry: seals are looked at for each */
		list_init(race.memfd, 1, RACE_LEN);
		ASSERT_EQ(0, pthread_create(&thread, NULL, add_seal, &race));
		meet(&race.ready);
		spin(late);
		fd = create(self->u.dev, &list);
		ASSERT_EQ(0, pthread_join(thread, NULL));

		if (fd >= 0) {
			/* nobody may trust in what it says */
			ASSERT_EQ(-EBUSY, race.sealed)
				TH_LOG("round %d", rounds);
			ASSERT_EQ(F_SEAL_SHRINK,
				  fcntl(race.memfd, F_GET_SEALS));
			close(fd);
			created++;
		} else {
			ASSERT_EQ(-EINVAL, fd);
			ASSERT_EQ(0, race.sealed);
			sealed++;
		}
		step = next_step(step, (fd >= 0) == last);
		last = fd >= 0;
		late += last ? step : -step;
		ASSERT_EQ(0, pins_now());
		close(race.memfd);
		if (sealed >= EACH_WAY && created >= EACH_WAY)
			break;
	}
	TH_LOG("%d sealed, %d created", sealed, created);
	EXPECT_LE(EACH_WAY, sealed);
	EXPECT_LE(EACH_WAY, created);
}

TEST_HARNESS_MAIN
