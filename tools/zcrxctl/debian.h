/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_DEBIAN_H
#define ZCRXCTL_DEBIAN_H

#include <stdbool.h>

#define DEBIAN_VERSION_LEN	128

/* What a kernel is made of, and what Debian has by now. */
struct debian_kernel {
	char running[DEBIAN_VERSION_LEN];	/* the source's version */
	char current[DEBIAN_VERSION_LEN];
	bool older;
};

/* One of this project's, by the name that uname() tells. */
bool debian_is_ours(const char *release);

/*
 * Whether Debian's kernel source is newer than what the running kernel, one of this
 * project's, was made of, as far as apt knows. Returns 0, or -errno: -ENOENT where apt
 * or its lists are not.
 */
int debian_kernel(const char *release, struct debian_kernel *kernel);

#endif /* ZCRXCTL_DEBIAN_H */
