// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "caps.h"

static int caps_get(struct __user_cap_header_struct *head,
		    struct __user_cap_data_struct data[2])
{
	head->version = _LINUX_CAPABILITY_VERSION_3;
	head->pid = 0;
	return syscall(SYS_capget, head, data) ? -errno : 0;
}

int caps_drop(int cap)
{
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[2];
	int ret = caps_get(&head, data);

	if (ret)
		return ret;
	data[cap / 32].effective &= ~(1u << cap % 32);
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

int caps_become(uid_t uid, int cap)
{
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[2];
	int ret;

	/* permitted they stay, and are to be made effective again */
	if (prctl(PR_SET_KEEPCAPS, 1) || setresuid(uid, uid, uid))
		return -errno;
	ret = caps_get(&head, data);
	if (ret)
		return ret;
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	data[cap / 32].effective &= ~(1u << cap % 32);
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}
