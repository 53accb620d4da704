// SPDX-License-Identifier: GPL-2.0
#include "bpf.h"
#include "xdp.h"

int xdp_attach(unsigned int ifindex)
{
	const struct bpf_insn pass[2] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_attach(ifindex, BPF_PROG_TYPE_XDP, BPF_XDP, pass, 2);
}
