// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
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
