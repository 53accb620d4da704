// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "sh.h"

int sh(const char *fmt, ...)
{
	char cmd[512];
	int len, status;
	va_list args;

	va_start(args, fmt);
	len = vsnprintf(cmd, sizeof(cmd), fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(cmd))
		return -1;

	status = system(cmd);
	if (status == -1 || !WIFEXITED(status))
		status = -1;
	else
		status = WEXITSTATUS(status);
	if (status)
		fprintf(stderr, "# status %d: %s\n", status, cmd);
	return status;
}
