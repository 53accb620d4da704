// SPDX-License-Identifier: GPL-2.0
#include <stdint.h>
#include <unistd.h>

#include "bpf.h"
#include "xdp.h"

int xdp_attach(unsigned int ifindex)
{
	static const char license[] = "GPL";
	const struct bpf_insn pass[2] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)pass,
		.insn_cnt = 2,
		.license = (uintptr_t)license,
	};
	union bpf_attr attach = {
		.link_create.target_ifindex = ifindex,
		.link_create.attach_type = BPF_XDP,
	};
	int prog, link;

	prog = bpf(BPF_PROG_LOAD, &load);
	if (prog < 0)
		return prog;
	attach.link_create.prog_fd = prog;
	link = bpf(BPF_LINK_CREATE, &attach);
	close(prog);
	return link;
}
