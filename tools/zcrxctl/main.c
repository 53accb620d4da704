// SPDX-License-Identifier: GPL-2.0
/* zcrxctl: prepares NICs for zero-copy receive, and shows what becomes of it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nic.h"
#include "nl.h"
#include "zcrxctl.h"

/* The package says which one it is. */
#ifndef ZCRXCTL_VERSION
#define ZCRXCTL_VERSION "(from the source tree)"
#endif

static const struct command commands[] = {
	{
		.name = "check", .run = cmd_check,
		.args = "IF [--queue Q]... [--area BYTES] [--try] [-j]",
		.help = "what zero-copy receive needs, and whether it is there",
		.options = "qatj", .needs_if = true,
	}, {
		.name = "setup", .run = cmd_setup,
		.args = "IF --queue Q... [--port PORT[@Q]]... [--try] [-n] [-j]",
		.help = "channels, header split, and which flows reach the queues",
		.options = "qptnj", .needs_if = true, .needs_queue = true,
	}, {
		.name = "restore", .run = cmd_restore,
		.args = "IF [-n] [-j]",
		.help = "put back what was there before setup",
		.options = "nj", .needs_if = true,
	}, {
		.name = "size", .run = cmd_size,
		.args = "IF --queue Q... --rate BITS --latency TIME [--connections N] "
			"[--rx-buf-len BYTES] [-j]",
		.help = "how large an area and a refill ring have to be, and why",
		.options = "qrlcbj", .needs_if = true, .needs_queue = true,
	}, {
		.name = "show", .run = cmd_show,
		.args = "[IF] [-j]",
		.help = "queues, who feeds them, and their buffers",
		.options = "j",
	}, {
		.name = "stat", .run = cmd_stat,
		.args = "[IF] [-w [SECONDS]] [--count N] [-j]",
		.help = "what came in, how, and why it was slow; -w goes on and on",
		.options = "wCj",
	},
	{ }
};

static void vcomplain(const char *fmt, va_list args)
{
	fflush(stdout);
	fputs("zcrxctl: ", stderr);
	vfprintf(stderr, fmt, args);
}

int complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vcomplain(fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_NO;
}

int complain_err(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vcomplain(fmt, args);
	va_end(args);
	fprintf(stderr, ": %s%s%s\n", strerror(-err), nl_why()[0] ? ": " : "",
		nl_why());
	return EXIT_NO;
}

int open_nic(struct nic *nic, const char *ifname)
{
	int ret = nic_open(nic, ifname);

	if (ret == -ENODEV)
		return complain("there is no interface %s; `ip link` shows those that there are",
				ifname);
	if (ret)
		return complain_err(ret, "%s: cannot ask for the interface",
				    ifname);
	return 0;
}

const char *human(char *buf, unsigned int size, double bytes)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned int i = 0;

	while (bytes >= 1024 && i < 4) {
		bytes /= 1024;
		i++;
	}
	snprintf(buf, size, "%.*f %s", i && bytes < 100 ? 1 : 0, bytes,
		 units[i]);
	return buf;
}

void print_usage(const struct command *cmd)
{
	const struct command *c;

	if (cmd) {
		fprintf(stderr, "usage: zcrxctl %s %s\n", cmd->name, cmd->args);
		return;
	}
	fputs("usage: zcrxctl COMMAND ...\n\n", stderr);
	for (c = commands; c->name; c++)
		fprintf(stderr, "  %-8s %s\n           %s\n", c->name, c->args,
			c->help);
	fputs("\n-j: as JSON; -n: only say what would be done. More in zcrxctl(8).\n",
	      stderr);
}

/* What was to be said has been written, or the status is another. */
static int end_output(int ret)
{
	if (fflush(stdout) || ferror(stdout))
		return complain_err(errno ? -errno : -EIO, "writing the output");
	return ret;
}

int main(int argc, char **argv)
{
	struct options opt;
	const struct command *cmd;
	int ret;

	if (argc < 2) {
		print_usage(NULL);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		print_usage(NULL);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("zcrxctl " ZCRXCTL_VERSION);
		return end_output(0);
	}
	for (cmd = commands; cmd->name; cmd++)
		if (!strcmp(argv[1], cmd->name))
			break;
	if (!cmd->name) {
		complain("there is no command %s", argv[1]);
		print_usage(NULL);
		return EXIT_USAGE;
	}
	ret = options_parse(&opt, cmd, argc - 1, argv + 1);
	if (ret) {
		print_usage(cmd);
		return ret;
	}
	ret = cmd->run(&opt);
	if (ret == EXIT_USAGE)
		print_usage(cmd);
	return end_output(ret);
}
