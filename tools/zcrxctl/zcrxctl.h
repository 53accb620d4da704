/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_H
#define ZCRXCTL_H

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses, beside 0. */
#define EXIT_NO		1	/* it failed; for check: zero-copy receive would not work */
#define EXIT_USAGE	2
#define EXIT_NOTHING	3	/* for restore: nothing was to be done */

#define MAX_QUEUES	64
#define MAX_PORTS	64

/* TCP to a port goes to a queue. */
struct port {
	uint16_t port;
	uint32_t queue;
};

/* What the command line says; options.c. */
struct options {
	const char *ifname;		/* NULL: not given */
	uint32_t queue[MAX_QUEUES];	/* no two alike */
	unsigned int nr_queues;
	struct port port[MAX_PORTS];
	unsigned int nr_ports;
	bool json, dry_run, try, watch;
	double rate;			/* bits per second */
	double latency;			/* seconds */
	double interval;		/* of watch, seconds */
	uint64_t count;			/* of watch; 0: without end */
	uint64_t area;			/* bytes; 0: not given */
	uint32_t rx_buf_len;		/* bytes; 0: a page */
	uint32_t connections;
};

struct command {
	const char *name;
	const char *args;	/* for the usage */
	const char *help;
	const char *options;	/* the letters of those that it takes */
	bool needs_if, needs_queue;
	int (*run)(const struct options *opt);
};

int cmd_check(const struct options *opt);
int cmd_setup(const struct options *opt);
int cmd_restore(const struct options *opt);
int cmd_size(const struct options *opt);
int cmd_show(const struct options *opt);
int cmd_stat(const struct options *opt);

/* Fills in opt for the command from its arguments, or says why not. */
int options_parse(struct options *opt, const struct command *cmd, int argc,
		  char **argv);

/* 0 if none is named. */
uint32_t options_highest_queue(const struct options *opt);
bool options_has_queue(const struct options *opt, uint32_t queue);

void print_usage(const struct command *cmd);

/* "zcrxctl: ..." on stderr. Returns EXIT_NO. */
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The same, and then what the kernel has to say: its own words for what it refused by
 * netlink just now, else the errno of err, which is negative.
 */
int complain_err(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

struct nic;

/* nic_open(), with words. Returns 0 or EXIT_NO. */
int open_nic(struct nic *nic, const char *ifname);

/* A number of bytes as "16.0 MiB". The buffer is the caller's. */
const char *human(char *buf, unsigned int size, double bytes);
#define HUMAN_SIZE	16

#endif /* ZCRXCTL_H */
