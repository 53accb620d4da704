/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRX_FAULT_H
#define ZCRX_FAULT_H

/**
 * DOC: /dev/zcrx_fault, calls that fail when told to
 *
 * A table of kernel functions, the sites, that zero-copy receive depends on.
 * Once armed, the calls of each are counted, and the Nth call of one of them
 * does not take place: its caller gets an error at once. A site counts the
 * calls of the task that armed it; one that also runs in softirqs counts all.
 * One file may be open at a time; closing it disarms.
 */

#include <linux/ioctl.h>
#include <linux/types.h>

#define ZCRX_FAULT_DEV		"zcrx_fault"
#define ZCRX_FAULT_NAME_LEN	40

/**
 * struct zcrx_fault_site - one site, and what was seen of it since it was armed
 * @index: which; set by the caller
 * @missing: 0, or why its calls cannot be seen (negative errno)
 * @any: not only the armed task's calls count
 * @calls: calls
 * @hits: those that failed
 * @resv: 0
 * @name: the function
 */
struct zcrx_fault_site {
	__u32	index;
	__s32	missing;
	__u32	any;
	__u32	calls;
	__u32	hits;
	__u32	resv;
	char	name[ZCRX_FAULT_NAME_LEN];
};

/**
 * struct zcrx_fault_arm - what is to fail
 * @index: the site
 * @nth: which of its calls, from 1; 0: none, only count
 */
struct zcrx_fault_arm {
	__u32	index;
	__u32	nth;
};

/* ENOENT: there are no more */
#define ZCRX_FAULT_SITE		_IOWR('Z', 0x60, struct zcrx_fault_site)
/* Starts to count anew, for this task. */
#define ZCRX_FAULT_ARM		_IOW('Z', 0x61, struct zcrx_fault_arm)
#define ZCRX_FAULT_DISARM	_IO('Z', 0x62)

#endif /* ZCRX_FAULT_H */
