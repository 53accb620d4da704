/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_BPF_H
#define TESTS_BPF_H

#include <linux/bpf.h>

/* bpf(2): what it returns, or -errno. */
int bpf(enum bpf_cmd cmd, union bpf_attr *attr);

/*
 * Loads a program and attaches it to an interface. Returns what detaches it when it
 * is closed, or -errno, and says what the verifier does not like.
 */
int bpf_attach(unsigned int ifindex, enum bpf_prog_type type,
	       enum bpf_attach_type where, const struct bpf_insn *insn,
	       unsigned int nr);

#endif /* TESTS_BPF_H */
