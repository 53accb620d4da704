// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>

#include "text.h"

int write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	/* what the kernel says of it comes with the end */
	fputs(text, f);
	return fclose(f) ? -errno : 0;
}
