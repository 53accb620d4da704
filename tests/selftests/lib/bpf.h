/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_BPF_H
#define TESTS_BPF_H

#include <linux/bpf.h>

/* bpf(2): what it returns, or -errno. */
int bpf(enum bpf_cmd cmd, union bpf_attr *attr);

#endif /* TESTS_BPF_H */
