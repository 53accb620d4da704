// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU that counts the instructions a guest with one CPU executes,
 * by address and context, from one MARK_START to the next MARK_STOP
 * (lib/mark.h).
 *
 *   -plugin blocks.so,out=FILE[,HOOK=ADDRESS]...
 *
 * writes for each such stretch, once it is over, a line "section", and then
 * "ADDRESS TASK INTERRUPT IDLE" for each block of code that ran: how many of
 * its instructions did in which context. It knows the context from what the
 * code at given addresses, 0x and all, does when it is run:
 *
 *   enter, leave	an interrupt or softirq begins, ends; they nest
 *   idle, wake		the idle task begins to do nothing, has something to do
 *   at			the stretch ends, and another begins
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "qemu.h"

#define MARK_SIZE	7
#define INSN_MAX	15
#define HOOKS_MAX	16

enum context { TASK, INTERRUPT, IDLE, NR_CONTEXTS };

/* QEMU translates a block again now and then: it has several of these then. */
struct block {
	struct block *next;
	uint64_t address;
	uint64_t insns;
	uint64_t runs[NR_CONTEXTS];
};

int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct block *blocks;
static struct {
	uint64_t address;
	qemu_plugin_exec_cb cb;
} hooks[HOOKS_MAX];
static unsigned int nr_hooks;
static bool counting;
static FILE *out;

static unsigned int depth;	/* of interrupts */
static bool idle;
static enum context context;	/* what these two make */

static void run(unsigned int cpu, void *arg)
{
	struct block *b = arg;

	b->runs[context] += counting;
}

static void set_context(void)
{
	context = depth ? INTERRUPT : idle ? IDLE : TASK;
}

static void enter(unsigned int cpu, void *arg)
{
	depth++;
	set_context();
}

/* An exception that is none may end as an interrupt does. */
static void leave(unsigned int cpu, void *arg)
{
	depth -= !!depth;
	set_context();
}

static void go_idle(unsigned int cpu, void *arg)
{
	idle = true;
	set_context();
}

static void wake(unsigned int cpu, void *arg)
{
	idle = false;
	set_context();
}

static void start(unsigned int cpu, void *arg)
{
	counting = true;
}

static void next(unsigned int cpu, void *arg)
{
	struct block *b;

	if (!counting)
		return;
	fprintf(out, "section\n");
	for (b = blocks; b; b = b->next) {
		if (b->runs[TASK] || b->runs[INTERRUPT] || b->runs[IDLE])
			fprintf(out, "%016llx %llu %llu %llu\n",
				(unsigned long long)b->address,
				(unsigned long long)(b->runs[TASK] * b->insns),
				(unsigned long long)(b->runs[INTERRUPT] *
						     b->insns),
				(unsigned long long)(b->runs[IDLE] *
						     b->insns));
		memset(b->runs, 0, sizeof(b->runs));
	}
	fflush(out);
}

static void stop(unsigned int cpu, void *arg)
{
	next(cpu, arg);
	counting = false;
}

static struct block *block_new(uint64_t address, uint64_t insns)
{
	struct block *b = calloc(1, sizeof(*b));

	if (!b) {
		fprintf(stderr, "blocks: out of memory\n");
		exit(1);
	}
	b->address = address;
	b->insns = insns;
	b->next = blocks;
	blocks = b;
	return b;
}

/* movs, stos and their like, which a block may repeat before it goes on. */
static bool repeats(const uint8_t *code, size_t size)
{
	size_t i;

	if (code[0] != 0xf2 && code[0] != 0xf3)
		return false;
	/* behind other prefixes */
	for (i = 1; i < size && (code[i] == 0x66 || (code[i] & 0xf0) == 0x40);)
		i++;
	return i < size && ((code[i] >= 0xa4 && code[i] <= 0xa7) ||
			    (code[i] >= 0xaa && code[i] <= 0xaf));
}

static qemu_plugin_exec_cb marks(const uint8_t *code, size_t size)
{
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x80 };
	uint32_t which;

	if (size != MARK_SIZE || memcmp(code, nop, sizeof(nop)))
		return NULL;
	memcpy(&which, code + sizeof(nop), sizeof(which));
	return which == MARK_START ? start : which == MARK_STOP ? stop : NULL;
}

static qemu_plugin_exec_cb hook_at(uint64_t address)
{
	unsigned int i;

	for (i = 0; i < nr_hooks; i++)
		if (hooks[i].address == address)
			return hooks[i].cb;
	return NULL;
}

static void count_insns(struct qemu_plugin_tb *tb, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		qemu_plugin_register_vcpu_insn_exec_cb(insn, run,
						       QEMU_PLUGIN_CB_NO_REGS,
						       block_new(qemu_plugin_insn_vaddr(insn), 1));
	}
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;
	bool whole = true;

	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		size_t size = qemu_plugin_insn_size(insn);
		uint8_t code[INSN_MAX] = {};
		qemu_plugin_exec_cb mark;

		qemu_plugin_insn_data(insn, code, sizeof(code));
		mark = hook_at(qemu_plugin_insn_vaddr(insn));
		if (!mark)
			mark = marks(code, size);
		if (mark)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark,
							       QEMU_PLUGIN_CB_NO_REGS,
							       NULL);
		if (repeats(code, size))
			whole = false;
	}
	if (whole)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, run,
						     QEMU_PLUGIN_CB_NO_REGS,
						     block_new(qemu_plugin_tb_vaddr(tb), n));
	else
		count_insns(tb, n);
}

static bool add_hook(const char *arg)
{
	static const struct {
		const char *name;
		qemu_plugin_exec_cb cb;
	} kinds[] = {
		{ "enter=", enter },
		{ "leave=", leave },
		{ "idle=", go_idle },
		{ "wake=", wake },
		{ "at=", next },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].name);

		if (strncmp(arg, kinds[i].name, len) || nr_hooks == HOOKS_MAX)
			continue;
		hooks[nr_hooks].address = strtoull(arg + len, NULL, 0);
		hooks[nr_hooks++].cb = kinds[i].cb;
		return true;
	}
	return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info,
			int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			out = fopen(argv[i] + 4, "we");
			if (!out) {
				fprintf(stderr, "blocks: %s: %s\n", argv[i] + 4,
					strerror(errno));
				return -1;
			}
		} else if (!add_hook(argv[i])) {
			fprintf(stderr, "blocks: %s: not known, or too many\n",
				argv[i]);
			return -1;
		}
	}
	if (!out) {
		fprintf(stderr, "blocks: it needs out=FILE\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
