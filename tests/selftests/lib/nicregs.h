/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_NICREGS_H
#define TESTS_NICREGS_H

#include <linux/types.h>

/*
 * Registers of the 82576, to see what the driver has set, and to let the NIC
 * do what it may do according to its manual but never does here.
 */
#define REG_RXCSUM		0x5000
#define  RXCSUM_IPOFL		(1 << 8)
#define  RXCSUM_TUOFL		(1 << 9)
#define REG_RFCTL		0x5008
#define  RFCTL_IPV6_EX_DIS	(1 << 16)
#define REG_ETQF(n)		(0x5cb0 + 4 * (n))
#define  ETQF_ENABLE		(1 << 26)
#define REG_MRQC		0x5818
#define  MRQC_TCP_IPV4		(1 << 16)
#define  MRQC_IPV4		(1 << 17)
#define  MRQC_TCP_IPV6_EX	(1 << 18)
#define  MRQC_IPV6_EX		(1 << 19)
#define  MRQC_IPV6		(1 << 20)
#define  MRQC_TCP_IPV6		(1 << 21)
#define  MRQC_UDP_IPV4		(1 << 22)
#define  MRQC_UDP_IPV6		(1 << 23)
#define  MRQC_UDP_IPV6_EX	(1 << 24)
#define REG_SRRCTL(queue)	(0x280c + 0x100 * (queue))
#define  SRRCTL_PKT_KIB		0x7f
#define  SRRCTL_HDR_SHIFT	8	/* of units of 64 bytes */
#define  SRRCTL_HDR		0xf
#define  SRRCTL_TYPE		0x0e000000
#define  SRRCTL_ONE_BUFFER	0x02000000
#define  SRRCTL_HDR_SPLIT	0x04000000
#define  SRRCTL_TIMESTAMP	0x40000000
#define  SRRCTL_DROP_EN		0x80000000

struct nicregs {
	volatile __u32 *map;
};

/* Returns 0 or -errno. */
int nicregs_open(struct nicregs *regs, const char *ifname);
void nicregs_close(struct nicregs *regs);

__u32 nicregs_read(const struct nicregs *regs, unsigned int reg);
void nicregs_write(struct nicregs *regs, unsigned int reg, __u32 value);

#endif /* TESTS_NICREGS_H */
