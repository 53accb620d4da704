// SPDX-License-Identifier: GPL-2.0
/*
 * A descriptor that comes too late: the NIC is made to write to where an area
 * was mapped, by changing the descriptors in its ring behind the driver's back.
 * While the area is mapped that lands in it, so the method works. When it no
 * longer is, the IOMMU refuses and says so in the kernel's log, and not a byte
 * of the memory changes.
 *
 * tests/late/run runs it, where a fault is no failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/judge.h"
#include "lib/nic.h"
#include "lib/nicregs.h"
#include "lib/pins.h"
#include "lib/rawflood.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		180
#define MIB		(1024 * 1024)
#define PAGE		4096
#define AREA_LEN	(8 * MIB)
/* The NIC has no reason to write there: the other area is enough for it. */
#define VICTIM_LEN	MIB
#define VICTIM_PAGES	(VICTIM_LEN / PAGE)
#define VICTIM_PAGE	17
#define PAYLOAD_LEN	500
#define RESEND_MS	200

#define REG_RDBAL(q)	(0x2800 + 0x100 * (q))
#define REG_RDBAH(q)	(0x2804 + 0x100 * (q))
#define REG_RDLEN(q)	(0x2808 + 0x100 * (q))
#define REG_RDH(q)	(0x2810 + 0x100 * (q))
#define REG_RDT(q)	(0x2818 + 0x100 * (q))
#define DESC_LEN	16	/* address of the packet, and of the header */

static struct stream pattern, payload;

FIXTURE(late)
{
	struct zc zc;
	struct judge judge;
	struct nicregs regs;
	int kmsg, raw;
	char slot[32];			/* the NIC's PCI address */
	char *expected;			/* the victim's bytes */
	__u64 iova[VICTIM_PAGES];	/* where they were mapped */
};

FIXTURE_VARIANT(late)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(late, user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(late, udmabuf)
{
	.kind = AREA_UDMABUF,
};

/*
 * What the kernel says from now on. A read returns a record, or fails with
 * EAGAIN if there is no other.
 */
static int open_kmsg(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* Faults that were told since it was asked last. */
struct faults {
	unsigned int here;	/* the NIC's, of a write to that address */
	unsigned int others;
};

static void count_faults(int kmsg, const char *slot, __u64 iova,
			 struct faults *faults)
{
	char record[8192], where[80];
	ssize_t n;

	/* as "0000:01:00.0" without the domain */
	snprintf(where, sizeof(where), "device [%s] fault addr 0x%llx ",
		 strchr(slot, ':') + 1, (unsigned long long)iova);
	for (;;) {
		n = read(kmsg, record, sizeof(record) - 1);
		/* EPIPE: some were overwritten before they were read */
		if (n < 0 && errno == EPIPE)
			continue;
		if (n < 0)
			return;
		record[n] = '\0';
		if (!strstr(record, "DMAR: [") || !strstr(record, "fault addr"))
			continue;
		if (strstr(record, "[DMA Write") && strstr(record, where))
			faults->here++;
		else
			faults->others++;
		fprintf(stderr, "# %s", strchr(record, ';') + 1);
	}
}

/* Has each descriptor that the NIC has yet to use lead there. How many? */
static int redirect(const struct judge *judge, const struct nicregs *regs,
		    __u64 iova)
{
	__u32 nr = nicregs_read(regs, REG_RDLEN(WIRE_RXQ)) / DESC_LEN;
	__u32 i = nicregs_read(regs, REG_RDH(WIRE_RXQ));
	__u32 tail = nicregs_read(regs, REG_RDT(WIRE_RXQ));
	__u64 ring = nicregs_read(regs, REG_RDBAL(WIRE_RXQ));
	int ret, changed = 0;

	ring |= (__u64)nicregs_read(regs, REG_RDBAH(WIRE_RXQ)) << 32;
	if (i >= nr || tail >= nr)
		return -ENXIO;
	for (; i != tail; i = (i + 1) % nr) {
		ret = judge_poke(judge, ring + i * DESC_LEN, iova);
		if (ret)
			return ret;
		changed++;
	}
	return changed;
}

static int send_frame(int raw)
{
	static char data[PAYLOAD_LEN];
	const struct rawframe frame = raw_for_nobody(data, sizeof(data));

	stream_fill(&payload, 0, data, sizeof(data));
	return raw_send(raw, &frame);
}

/* Is each of the victim's bytes as expected? Returns 0 or -errno. */
static int check_victim(const struct judge *judge, const char *expected)
{
	static char now[VICTIM_LEN];
	size_t i;
	int ret;

	ret = judge_read(judge, 0, now, VICTIM_LEN);
	if (ret || !memcmp(now, expected, VICTIM_LEN))
		return ret;
	for (i = 0; now[i] == expected[i];)
		i++;
	fprintf(stderr, "# byte %zu is %#hhx instead of %#hhx\n", i, now[i],
		expected[i]);
	return -EILSEQ;
}

static int wait_victim(const struct judge *judge, const char *expected)
{
	char now[PAYLOAD_LEN];
	int waited, ret;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		ret = judge_read(judge, VICTIM_PAGE * PAGE, now, sizeof(now));
		if (ret)
			return ret;
		if (!memcmp(now, expected + VICTIM_PAGE * PAGE, sizeof(now)))
			return 0;
		usleep(10000);
	}
	return -ETIMEDOUT;
}

/* Where the NIC reached the victim, and where it reaches nothing now. */
static __u64 pick_late_iova(const struct judge *judge, const __u64 *iova,
			    unsigned int *free)
{
	__u64 value, picked = 0;
	unsigned int i;

	*free = 0;
	for (i = 0; i < VICTIM_PAGES; i++) {
		/* the kernel may map something else there again */
		if (judge_peek(judge, iova[i], &value) != -ENOENT)
			continue;
		picked = iova[i];
		++*free;
	}
	return picked;
}

FIXTURE_SETUP(late)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.area_len = AREA_LEN,
	};
	const char *failed;
	struct area victim;
	unsigned int i;

	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_pci_address(WIRE_IF, self->slot, sizeof(self->slot)));
	ASSERT_EQ(0, raw_introduce());
	self->raw = raw_open();
	ASSERT_LE(0, self->raw);
	self->kmsg = open_kmsg();
	ASSERT_LE(0, self->kmsg);

	stream_init(&pattern, 31);
	stream_init(&payload, 32);
	self->expected = malloc(VICTIM_LEN);
	ASSERT_NE(NULL, self->expected);
	stream_fill(&pattern, 0, self->expected, VICTIM_LEN);

	ASSERT_EQ(0, zc_open(&self->zc, &cfg))
		TH_LOG("%s failed", self->zc.failed);
	ASSERT_EQ(0, area_open(&victim, variant->kind, VICTIM_LEN, &failed))
		TH_LOG("%s failed", failed);
	memcpy(victim.base, self->expected, VICTIM_LEN);
	ASSERT_EQ(0, judge_open(&self->judge, &victim));
	EXPECT_EQ(0, judge_mapped(&self->judge));
	ASSERT_EQ(0, zc_add_area(&self->zc, &victim, NULL));
	ASSERT_EQ(VICTIM_PAGES, judge_mapped(&self->judge));
	for (i = 0; i < VICTIM_PAGES; i++)
		ASSERT_EQ(0, judge_find(&self->judge, i, &self->iova[i]));
}

/* No descriptor that is not the driver's is left behind. */
FIXTURE_TEARDOWN(late)
{
	EXPECT_EQ(0, sh(NIC_DOWN " && " NIC_UP));
	EXPECT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
	judge_close(&self->judge);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	close(self->kmsg);
	close(self->raw);
	free(self->expected);
}

/* A frame to where the victim is mapped lands in it, and nowhere else in it. */
static void expect_lands(struct __test_metadata *_metadata,
			 FIXTURE_DATA(late) *self)
{
	const __u64 iova = self->iova[VICTIM_PAGE];
	struct faults faults = {};

	EXPECT_EQ(0, check_victim(&self->judge, self->expected));
	ASSERT_EQ(0, nicregs_open(&self->regs, WIRE_IF));
	ASSERT_LT(0, redirect(&self->judge, &self->regs, iova));
	nicregs_close(&self->regs);
	ASSERT_EQ(0, send_frame(self->raw));
	stream_fill(&payload, 0, self->expected + VICTIM_PAGE * PAGE,
		    PAYLOAD_LEN);
	EXPECT_EQ(0, wait_victim(&self->judge, self->expected));
	EXPECT_EQ(0, check_victim(&self->judge, self->expected));
	count_faults(self->kmsg, self->slot, iova, &faults);
	EXPECT_EQ(0, faults.here + faults.others);
}

/* A frame to where the victim was is a fault there, and changes nothing. */
static void expect_faults(struct __test_metadata *_metadata,
			  FIXTURE_DATA(late) *self)
{
	struct faults faults = {};
	unsigned int free, sent = 0;
	int waited;
	__u64 iova;

	ASSERT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, check_victim(&self->judge, self->expected));
	ASSERT_EQ(0, nicregs_open(&self->regs, WIRE_IF));
	iova = pick_late_iova(&self->judge, self->iova, &free);
	ASSERT_LT(0, free);
	TH_LOG("%u of %u addresses lead nowhere now", free, VICTIM_PAGES);
	/* until here nothing was late */
	count_faults(self->kmsg, self->slot, iova, &faults);
	EXPECT_EQ(0, faults.here + faults.others);

	/* again, as the driver may have just set up the queue anew */
	for (waited = 0; waited < WIRE_PATIENCE_MS && !faults.here;
	     waited += RESEND_MS) {
		ASSERT_LE(0, redirect(&self->judge, &self->regs, iova));
		ASSERT_EQ(0, send_frame(self->raw));
		usleep(RESEND_MS * 1000);
		count_faults(self->kmsg, self->slot, iova, &faults);
		sent++;
	}
	nicregs_close(&self->regs);
	TH_LOG("%u frames, %u faults", sent, faults.here);
	EXPECT_LT(0, faults.here);
	EXPECT_EQ(0, faults.others);
	EXPECT_EQ(0, check_victim(&self->judge, self->expected));
	EXPECT_EQ(0, judge_mapped(&self->judge));
}

TEST_F_TIMEOUT(late, ring_exit, TIMEOUT)
{
	expect_lands(_metadata, self);
	zc_close(&self->zc);
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	expect_faults(_metadata, self);
}

/* The driver was taken off the NIC. The ring still has its areas. */
TEST_F_TIMEOUT(late, unbind, TIMEOUT)
{
	expect_lands(_metadata, self);
	ASSERT_EQ(0, sh("cd /sys/bus/pci/drivers/igb && echo %s >unbind && "
			"echo %s >bind", self->slot, self->slot));
	ASSERT_EQ(0, sh("nic-set-up"));
	ASSERT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, raw_introduce());
	expect_faults(_metadata, self);
	zc_close(&self->zc);
}

TEST_HARNESS_MAIN
