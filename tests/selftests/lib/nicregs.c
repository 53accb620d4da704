// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nicregs.h"

#define BAR_LEN		(128 * 1024)

int nicregs_open(struct nicregs *regs, const char *ifname)
{
	char path[128];
	void *map;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/resource0",
		 ifname);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	map = mmap(NULL, BAR_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	regs->map = map;
	return 0;
}

void nicregs_close(struct nicregs *regs)
{
	munmap((void *)regs->map, BAR_LEN);
}

__u32 nicregs_read(const struct nicregs *regs, unsigned int reg)
{
	return regs->map[reg / sizeof(__u32)];
}

void nicregs_write(struct nicregs *regs, unsigned int reg, __u32 value)
{
	regs->map[reg / sizeof(__u32)] = value;
}
