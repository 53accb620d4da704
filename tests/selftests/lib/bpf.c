// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf.h"

int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	int ret;

	/* The verifier gives up if there is anything like a signal to handle. */
	do {
		ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));
	} while (ret < 0 && errno == EAGAIN);
	return ret < 0 ? -errno : ret;
}

int bpf_attach(unsigned int ifindex, enum bpf_prog_type type,
	       enum bpf_attach_type where, const struct bpf_insn *insn,
	       unsigned int nr)
{
	static const char license[] = "GPL";
	static char said[16 * 1024];
	union bpf_attr load = {
		.prog_type = type,
		.license = (uintptr_t)license,
		.insns = (uintptr_t)insn,
		.insn_cnt = nr,
		.log_buf = (uintptr_t)said,
		.log_size = sizeof(said),
		.log_level = 1,
	};
	union bpf_attr attach = {
		.link_create.target_ifindex = ifindex,
		.link_create.attach_type = where,
	};
	int prog, link;

	prog = bpf(BPF_PROG_LOAD, &load);
	if (prog < 0) {
		fprintf(stderr, "# the verifier: %s\n", said);
		return prog;
	}
	attach.link_create.prog_fd = prog;
	link = bpf(BPF_LINK_CREATE, &attach);
	close(prog);
	return link;
}
