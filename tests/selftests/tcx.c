// SPDX-License-Identifier: GPL-2.0
/*
 * A program of tc's that wants at the payload of what comes in on a bound
 * queue: to write it, to read it, to have it where the program can see it, or
 * to send it elsewhere. Each call is refused and the stream goes on, by zero
 * copy and with each byte as it was sent. On a queue that is an ordinary one
 * the same program gets what it wants.
 */
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/bpf.h"
#include "lib/live.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/sh.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define STREAM_LEN	(4 * MIB)

/*
 * The program looks at packets of at least so much, headers included, and
 * wants these bytes, which are payload then.
 */
#define LEN_MIN		1000
#define WANTED_AT	200
#define WANTED_LEN	8
/* Where the copies go that a program sends elsewhere. */
#define ELSEWHERE	"elsewhere"

static struct stream stream;

enum want { WRITE, READ, PULL, SEND };

/* Elements of the program's map: calls that were granted, and refused ones. */
enum { GRANTED, REFUSED, NR_COUNTS };

/*
 * The program, an instruction at a time
 */
#define INSNS_MAX	64

struct code {
	struct bpf_insn insn[INSNS_MAX];
	unsigned int nr;
};

static struct bpf_insn *put(struct code *code, __u8 opcode, __u8 dst, __u8 src,
			    __s16 off, __s32 imm)
{
	struct bpf_insn *insn = &code->insn[code->nr++];

	if (code->nr > INSNS_MAX)
		abort();
	insn->code = opcode;
	insn->dst_reg = dst;
	insn->src_reg = src;
	insn->off = off;
	insn->imm = imm;
	return insn;
}

static void put_set(struct code *code, __u8 dst, __s32 value)
{
	put(code, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value);
}

static void put_copy(struct code *code, __u8 dst, __u8 src)
{
	put(code, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

/* A pointer to the stack. */
static void put_stack(struct code *code, __u8 dst, __s32 at)
{
	put_copy(code, dst, BPF_REG_10);
	put(code, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, at);
}

static void put_call(struct code *code, __s32 helper)
{
	put(code, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

/* What it wants of the packet in register 6: the result goes to register 0. */
static void put_want(struct code *code, enum want want, unsigned int elsewhere)
{
	/* what is written, or where it is read to */
	put(code, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -16, 0x5a5a5a5a);
	put_copy(code, BPF_REG_1, BPF_REG_6);
	put_set(code, BPF_REG_2, WANTED_AT);
	put_stack(code, BPF_REG_3, -16);
	put_set(code, BPF_REG_4, WANTED_LEN);
	put_set(code, BPF_REG_5, 0);
	switch (want) {
	case WRITE:
		put_call(code, BPF_FUNC_skb_store_bytes);
		break;
	case READ:
		put_call(code, BPF_FUNC_skb_load_bytes);
		break;
	case PULL:
		put_set(code, BPF_REG_2, WANTED_AT + WANTED_LEN);
		put_call(code, BPF_FUNC_skb_pull_data);
		break;
	case SEND:
		put_set(code, BPF_REG_2, elsewhere);
		put_set(code, BPF_REG_3, 0);
		put_call(code, BPF_FUNC_clone_redirect);
		break;
	}
}

/* Counts one by the result in register 0. */
static void put_count(struct code *code, int map)
{
	put(code, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, GRANTED);
	put(code, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 1, 0);
	put(code, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, REFUSED);
	/* an address of 64 bits takes two */
	put(code, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0,
	    map);
	put(code, 0, 0, 0, 0, 0);
	put_stack(code, BPF_REG_2, -4);
	put_call(code, BPF_FUNC_map_lookup_elem);
	put(code, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0);
	put_set(code, BPF_REG_1, 1);
	put(code, BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_0, BPF_REG_1, 0,
	    BPF_ADD);
}

static void put_program(struct code *code, enum want want, int map,
			unsigned int elsewhere)
{
	unsigned int from;
	struct bpf_insn *skip;

	put_copy(code, BPF_REG_6, BPF_REG_1);
	put(code, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_7, BPF_REG_6,
	    offsetof(struct __sk_buff, len), 0);
	skip = put(code, BPF_JMP | BPF_JLT | BPF_K, BPF_REG_7, 0, 0, LEN_MIN);
	from = code->nr;
	put_want(code, want, elsewhere);
	put_count(code, map);
	skip->off = code->nr - from;
	put_set(code, BPF_REG_0, TCX_NEXT);
	put(code, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* A program on all that comes in. */
struct tcx {
	int map;
	int link;	/* detaches it when closed */
};

static int tcx_open(struct tcx *tcx, unsigned int ifindex, enum want want)
{
	union bpf_attr create = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 8,
		.max_entries = NR_COUNTS,
	};
	struct code code = {};

	tcx->map = bpf(BPF_MAP_CREATE, &create);
	if (tcx->map < 0)
		return tcx->map;
	put_program(&code, want, tcx->map, if_nametoindex(ELSEWHERE));
	tcx->link = bpf_attach(ifindex, BPF_PROG_TYPE_SCHED_CLS,
			       BPF_TCX_INGRESS, code.insn, code.nr);
	return tcx->link < 0 ? tcx->link : 0;
}

static __s64 tcx_count(const struct tcx *tcx, __u32 which)
{
	__s64 count = -1;
	union bpf_attr look = {
		.map_fd = tcx->map,
		.key = (uintptr_t)&which,
		.value = (uintptr_t)&count,
	};

	return bpf(BPF_MAP_LOOKUP_ELEM, &look) ? -1 : count;
}

FIXTURE(tcx)
{
	unsigned int ifindex;
	struct tcx tcx;
};

FIXTURE_VARIANT(tcx)
{
	enum want want;
};

FIXTURE_VARIANT_ADD(tcx, write) { .want = WRITE };
FIXTURE_VARIANT_ADD(tcx, read) { .want = READ };
FIXTURE_VARIANT_ADD(tcx, pull) { .want = PULL };
FIXTURE_VARIANT_ADD(tcx, send) { .want = SEND };

FIXTURE_SETUP(tcx)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	stream_init(&stream, 21);
	/* without a word of its own */
	ASSERT_EQ(0, sh("[ ! -e /sys/class/net/" ELSEWHERE " ] || "
			"ip link del " ELSEWHERE));
	ASSERT_EQ(0, sh("ip link add " ELSEWHERE " type dummy && "
			"echo 1 >/proc/sys/net/ipv6/conf/" ELSEWHERE
			"/disable_ipv6 && ip link set " ELSEWHERE " up"));
}

FIXTURE_TEARDOWN(tcx)
{
	EXPECT_EQ(0, sh("ip link del " ELSEWHERE));
}

static void test_bound(struct __test_metadata *_metadata,
		       unsigned int ifindex, enum want want,
		       enum area_kind kind, const char *addr)
{
	struct live live;
	struct tcx tcx;
	int i;

	ASSERT_EQ(0, live_open(&live, kind, addr));
	ASSERT_EQ(0, tcx_open(&tcx, ifindex, want));
	for (i = 0; i < STREAM_LEN / MIB; i++)
		ASSERT_EQ(0, live_receive(&live, MIB));
	/* what is counted must not move any more */
	close(tcx.link);
	ASSERT_EQ(0, live_receive(&live, MIB));
	EXPECT_EQ(0, tcx_count(&tcx, GRANTED));
	EXPECT_LT(0, tcx_count(&tcx, REFUSED));
	if (want == SEND) {
		EXPECT_EQ(tcx_count(&tcx, REFUSED),
			  nic_sysfs(ELSEWHERE, "statistics/tx_dropped"));
		EXPECT_EQ(0, nic_sysfs(ELSEWHERE, "statistics/tx_packets"));
	}
	close(tcx.map);
	ASSERT_EQ(0, live_end(&live));
	EXPECT_ZERO_COPY(&live.zc, live.rx.bytes);
	zc_close(&live.zc);
	EXPECT_EQ(0, netdev_wait_no_pools(ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F_TIMEOUT(tcx, on_a_bound_queue, TIMEOUT)
{
	test_bound(_metadata, self->ifindex, variant->want, AREA_USER, WIRE_V4);
}

TEST_F_TIMEOUT(tcx, on_a_bound_queue_v6, TIMEOUT)
{
	test_bound(_metadata, self->ifindex, variant->want, AREA_UDMABUF,
		   WIRE_V6);
}

/* Receives all of the stream; *wrong says whether a byte was. */
static __u64 receive_pages(int sock, bool *wrong)
{
	static char buf[256 * 1024];
	__u64 off = 0;
	size_t bad;
	ssize_t n;

	*wrong = false;
	while ((n = recv(sock, buf, sizeof(buf), 0)) > 0) {
		if (!stream_check(&stream, off, buf, n, &bad))
			*wrong = true;
		off += n;
	}
	return off;
}

/* What is refused above is no fault of the program. */
TEST_F_TIMEOUT(tcx, on_an_ordinary_queue, TIMEOUT)
{
	struct wire wire;
	struct tcx tcx;
	bool wrong;

	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	ASSERT_EQ(0, tcx_open(&tcx, self->ifindex, variant->want));
	EXPECT_EQ(STREAM_LEN, receive_pages(wire.sock, &wrong));
	close(tcx.link);
	/* what it writes is what is received */
	EXPECT_EQ(variant->want == WRITE, wrong);
	EXPECT_EQ(0, tcx_count(&tcx, REFUSED));
	EXPECT_LT(0, tcx_count(&tcx, GRANTED));
	if (variant->want == SEND)
		EXPECT_EQ(tcx_count(&tcx, GRANTED),
			  nic_sysfs(ELSEWHERE, "statistics/tx_packets"));
	close(tcx.map);
	EXPECT_EQ(0, wire_close(&wire));
}

TEST_HARNESS_MAIN
