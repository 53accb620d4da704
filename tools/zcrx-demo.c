// SPDX-License-Identifier: GPL-2.0
/*
 * zcrx-demo: receives a stream with io_uring zero-copy receive, looks at every
 * byte of it, and tells what it cost, beside the same stream received with
 * recv().
 *
 * A child in the network namespace "peer" sends. The stream is pseudo-random,
 * and what is expected at each offset is known, so a byte that is wrong, stale
 * or in the wrong place does not go unnoticed.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cpu.h"
#include "lib/peer.h"
#include "lib/queue.h"
#include "lib/tcp.h"
#include "lib/zc.h"

#define MIB		(1024.0 * 1024.0)
#define PORT		5201
#define SEED		0x7a637278
#define PATIENCE_MS	10000
#define RECV_BUF	(256 * 1024)

struct options {
	const char *ifname, *addr;
	uint32_t rxq;
	unsigned long long bytes;
	enum area_kind kind;
	size_t area_len;
	int mtu;
	bool no_recv;
};

/* What one way to receive has cost. */
struct result {
	const char *name;
	unsigned long long bytes;	/* received, and compared */
	unsigned long long copied;	/* by the kernel */
	unsigned long long cqes;	/* with payload */
	unsigned long long rearms;	/* requests ended early, CQ full */
	unsigned long long calls;	/* system calls to receive */
	struct cpu_time cpu;
};

#define demo_err(fmt, ...) \
	fprintf(stderr, "zcrx-demo: " fmt "\n", ##__VA_ARGS__)

static struct stream stream;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* A line a second, over itself on a terminal. */
static void progress(const struct options *opt, const struct result *r,
		     bool last)
{
	bool tty = isatty(STDOUT_FILENO);
	static double started, printed;
	double t = now();

	if (!r->bytes) {
		started = t;
		printed = t;
		return;
	}
	if (!last && t - printed < 1)
		return;
	printed = t;
	printf("%s%-5s %6.0f of %.0f MiB, %.1f MB/s, all bytes right so far%s",
	       tty ? "\r" : "", r->name, r->bytes / MIB, opt->bytes / MIB,
	       t > started ? r->bytes / 1e6 / (t - started) : 0,
	       tty && !last ? "" : "\n");
	fflush(stdout);
}

static int check(struct result *r, const void *data, size_t len)
{
	size_t bad;

	if (!stream_check(&stream, r->bytes, data, len, &bad)) {
		demo_err("%s: wrong byte at offset %llu of the stream, in a piece of %zu bytes at %llu: this is a bug in the kernel or the driver",
			 r->name, r->bytes + bad, len, r->bytes);
		return -EILSEQ;
	}
	r->bytes += len;
	return 0;
}

static int receive_recv(const struct options *opt, int sock, struct result *r)
{
	static char buf[RECV_BUF];
	int ret;

	for (;;) {
		ssize_t n = recv(sock, buf, sizeof(buf), 0);

		r->calls++;
		if (n < 0) {
			ret = -errno;
			demo_err("recv failed after %llu bytes: %s",
				 r->bytes, strerror(-ret));
			return ret;
		}
		if (!n)
			return 0;
		r->copied += n;
		ret = check(r, buf, n);
		if (ret)
			return ret;
		progress(opt, r, false);
	}
}

/* Returns 0 to go on, 1 at the end of the stream, -errno if something broke. */
static int take_cqe(struct zc *zc, int sock, const struct io_uring_cqe *cqe,
		    struct result *r)
{
	const void *data;
	int ret;

	if (cqe->flags & IORING_CQE_F_MORE) {
		data = zc_data(zc, cqe);
		if (!data) {
			demo_err("a completion points outside the area: this is a bug in the kernel");
			return -ERANGE;
		}
		ret = check(r, data, cqe->res);
		if (ret)
			return ret;
		r->cqes++;
		zc_recycle(zc, cqe);
		return 0;
	}

	switch (cqe->res) {
	case 0:
		return 1;
	case -ENOSPC:
		r->rearms++;
		return zc_recv(zc, sock, 0, 0);
	case -ENOMEM:
		demo_err("payload arrived outside the area after %llu bytes and there was no buffer to copy it into: is tcp-data-split on, and is the flow steered to the bound queue (ethtool -x)?",
			 r->bytes);
		return cqe->res;
	default:
		demo_err("RECV_ZC failed after %llu bytes: %s",
			 r->bytes, strerror(-cqe->res));
		return cqe->res;
	}
}

static int receive_zc(const struct options *opt, struct zc *zc, int sock,
		      struct result *r)
{
	int ret = zc_recv(zc, sock, 0, 0);

	while (!ret) {
		struct io_uring_cqe *cqe;
		unsigned int head, seen = 0;

		ret = zc_wait(zc, PATIENCE_MS);
		if (ret) {
			demo_err("no data after %llu bytes: %s; ethtool -S %s shows what the interface dropped",
				 r->bytes, strerror(-ret), opt->ifname);
			return ret;
		}

		io_uring_for_each_cqe(&zc->ring, head, cqe) {
			seen++;
			ret = take_cqe(zc, sock, cqe, r);
			if (ret)
				break;
		}
		io_uring_cq_advance(&zc->ring, seen);
		zc_publish(zc);
		progress(opt, r, false);
	}
	return ret < 0 ? ret : 0;
}

/* One connection from the peer, received with zc, or with recv() if NULL. */
static int run(const struct options *opt, struct zc *zc, struct result *r)
{
	struct peer_send job = {
		.stream = &stream,
		.addr = opt->addr,
		.port = PORT,
		.len = opt->bytes,
	};
	int listener, sock, ret, sent;
	struct cpu_time start;
	pid_t peer;

	listener = tcp_listen(opt->addr, PORT);
	if (listener < 0) {
		demo_err("cannot listen on %s port %d: %s; give an address of %s with --addr",
			 opt->addr, PORT, strerror(-listener), opt->ifname);
		return listener;
	}
	peer = peer_start(peer_send_stream, &job);
	if (peer < 0) {
		demo_err("cannot start the sender: %s", strerror(-peer));
		close(listener);
		return peer;
	}
	sock = tcp_accept(listener, PATIENCE_MS);
	close(listener);
	if (sock < 0) {
		demo_err("the sender did not connect: %s; can the peer reach %s (ip netns exec peer ping %s)?",
			 strerror(-sock), opt->addr, opt->addr);
		peer_wait(peer);
		return sock;
	}

	ret = cpu_time_now(&start);
	if (!ret) {
		progress(opt, r, false);
		ret = zc ? receive_zc(opt, zc, sock, r) :
			   receive_recv(opt, sock, r);
	}
	if (!ret) {
		ret = cpu_time_now(&r->cpu);
		cpu_time_since(&r->cpu, &start);
		progress(opt, r, true);
	}
	close(sock);
	sent = peer_wait(peer);

	if (!ret && r->bytes != opt->bytes) {
		demo_err("%s: %llu bytes came, %llu were to be sent",
			 r->name, r->bytes, opt->bytes);
		ret = -EPIPE;
	}
	if (!ret && sent) {
		demo_err("the sender failed (status %d)", sent);
		ret = -EPIPE;
	}
	return ret;
}

static int run_zc(const struct options *opt, struct result *r)
{
	const struct zc_config cfg = {
		.ifname = opt->ifname,
		.rxq = opt->rxq,
		.kind = opt->kind,
		.area_len = opt->area_len,
	};
	long long copied;
	struct zc zc;
	int ret;

	ret = zc_open(&zc, &cfg);
	if (ret) {
		demo_err("%s failed for queue %u of %s: %s; %s", zc.failed,
			 opt->rxq, opt->ifname, strerror(-ret),
			 zc_advice(&zc, ret));
		return ret;
	}

	zc.enters = 0;
	ret = run(opt, &zc, r);
	r->calls = zc.enters;
	copied = zc_fdinfo(&zc, "copied");
	zc_close(&zc);
	if (ret)
		return ret;

	if (copied < 0) {
		demo_err("fdinfo of the ring does not tell how much was copied: the kernel is another one than this program was built for");
		return -EPROTO;
	}
	r->copied = copied;
	if (copied && opt->kind == AREA_UDMABUF) {
		demo_err("%lld bytes were copied into the dma-buf: packets came unsplit or over another queue than %u (ethtool -x %s)",
			 copied, opt->rxq, opt->ifname);
		return -EREMOTEIO;
	}
	return 0;
}

static int run_recv(const struct options *opt, struct result *r)
{
	int ret = queue_wait_free(if_nametoindex(opt->ifname), opt->rxq,
				  PATIENCE_MS);

	if (ret) {
		demo_err("queue %u of %s is not an ordinary one again: %s",
			 opt->rxq, opt->ifname, strerror(-ret));
		return ret;
	}
	return run(opt, NULL, r);
}

static void row(const char *name, const struct result *r, int n,
		double (*value)(const struct result *), const char *fmt)
{
	int i;

	printf("%-34s", name);
	for (i = 0; i < n; i++) {
		char cell[32] = "-";

		if (value(&r[i]) >= 0)
			snprintf(cell, sizeof(cell), fmt, value(&r[i]));
		printf("%16s", cell);
	}
	putchar('\n');
}

static double v_bytes(const struct result *r)
{
	return r->bytes;
}

static double v_copied(const struct result *r)
{
	return r->copied;
}

static double v_cqes(const struct result *r)
{
	return r->cqes ? (double)r->cqes : -1;
}

static double v_rearms(const struct result *r)
{
	return r->cqes ? (double)r->rearms : -1;
}

static double v_calls(const struct result *r)
{
	return r->calls / (r->bytes / MIB);
}

static double v_rate(const struct result *r)
{
	return r->bytes / 1e6 / r->cpu.wall;
}

static double v_user(const struct result *r)
{
	return r->cpu.user;
}

static double v_system(const struct result *r)
{
	return r->cpu.system;
}

static double v_softirq(const struct result *r)
{
	return r->cpu.softirq;
}

static void summary(const struct options *opt, const struct result *r, int n)
{
	int i;

	printf("\n%s, queue %u, %s of %.0f MiB; sender on the same machine\n",
	       opt->ifname, opt->rxq,
	       opt->kind == AREA_UDMABUF ? "udmabuf" : "user memory",
	       opt->area_len / MIB);
	printf("%-34s", "");
	for (i = 0; i < n; i++)
		printf("%16s", r[i].name);
	putchar('\n');
	row("bytes", r, n, v_bytes, "%.0f");
	row("bytes copied by the kernel", r, n, v_copied, "%.0f");
	row("completions with payload", r, n, v_cqes, "%.0f");
	row("requests re-armed, CQ full", r, n, v_rearms, "%.0f");
	row("system calls per MiB", r, n, v_calls, "%.2f");
	row("MB/s", r, n, v_rate, "%.1f");
	row("CPU seconds, user (incl. compare)", r, n, v_user, "%.2f");
	row("CPU seconds, system", r, n, v_system, "%.2f");
	row("CPU seconds, softirq (both ends)", r, n, v_softirq, "%.2f");
	printf("%-34s", "every byte compared");
	for (i = 0; i < n; i++)
		printf("%16s", "right");
	putchar('\n');
}

static void print_options(FILE *f)
{
	fprintf(f,
		"usage: zcrx-demo [OPTION]...\n"
		"Receives a stream with io_uring zero-copy receive and checks every byte.\n"
		"  --bytes N        length of the stream, with K, M or G (1G)\n"
		"  --area KIND      memory to receive into: udmabuf or user (udmabuf)\n"
		"  --area-size N    its size (32M)\n"
		"  --mtu N          set the MTU of both ends first\n"
		"  --if NAME        interface to receive on (eth0)\n"
		"  --queue N        its receive queue (1)\n"
		"  --addr A         its address, IPv4 or IPv6 (10.0.0.1)\n"
		"  -6               use fd00::1 for the address\n"
		"  --no-recv        do not receive it again with recv()\n"
		"  --help           show this\n");
}

static unsigned long long parse_size(const char *name, const char *s)
{
	static const char units[] = "KMG";
	const char *unit;
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(s, &end, 0);
	if (!errno && end != s && *end && !end[1]) {
		unit = strchr(units, *end);
		if (unit) {
			int shift = 10 * (unit - units + 1);

			if (n > ULLONG_MAX >> shift)
				errno = ERANGE;
			n <<= shift;
			end++;
		}
	}
	if (errno || end == s || *end || *s == '-' || !n) {
		demo_err("%s %s: a number above 0, with K, M or G behind if you like, was expected",
			 name, s);
		exit(2);
	}
	return n;
}

static long parse_number(const char *name, const char *s, long min, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 0);
	if (errno || end == s || *end || n < min || n > max) {
		demo_err("%s %s: a number from %ld to %ld was expected", name,
			 s, min, max);
		exit(2);
	}
	return n;
}

static void parse(struct options *opt, int argc, char **argv)
{
	enum { BYTES = 256, AREA, AREA_SIZE, MTU, IF, QUEUE, ADDR, NO_RECV };
	static const struct option table[] = {
		{ "bytes", required_argument, NULL, BYTES },
		{ "area", required_argument, NULL, AREA },
		{ "area-size", required_argument, NULL, AREA_SIZE },
		{ "mtu", required_argument, NULL, MTU },
		{ "if", required_argument, NULL, IF },
		{ "queue", required_argument, NULL, QUEUE },
		{ "addr", required_argument, NULL, ADDR },
		{ "no-recv", no_argument, NULL, NO_RECV },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	size_t page = sysconf(_SC_PAGESIZE);
	int c;

	while ((c = getopt_long(argc, argv, "6h", table, NULL)) != -1) {
		switch (c) {
		case BYTES:
			opt->bytes = parse_size("--bytes", optarg);
			break;
		case AREA:
			if (!strcmp(optarg, "udmabuf")) {
				opt->kind = AREA_UDMABUF;
			} else if (!strcmp(optarg, "user")) {
				opt->kind = AREA_USER;
			} else {
				demo_err("--area %s: udmabuf or user was expected",
					 optarg);
				exit(2);
			}
			break;
		case AREA_SIZE:
			opt->area_len = parse_size("--area-size", optarg);
			if (opt->area_len % page) {
				demo_err("--area-size %s: a multiple of %zu was expected",
					 optarg, page);
				exit(2);
			}
			break;
		case MTU:
			opt->mtu = parse_number("--mtu", optarg, 1280, 9216);
			break;
		case IF:
			opt->ifname = optarg;
			break;
		case QUEUE:
			opt->rxq = parse_number("--queue", optarg, 0, 65535);
			break;
		case ADDR:
			opt->addr = optarg;
			break;
		case '6':
			opt->addr = "fd00::1";
			break;
		case NO_RECV:
			opt->no_recv = true;
			break;
		case 'h':
			print_options(stdout);
			exit(0);
		default:
			print_options(stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		demo_err("%s: not an option", argv[optind]);
		print_options(stderr);
		exit(2);
	}
}

static int set_mtu(const struct options *opt)
{
	int mtu = opt->mtu, ret;
	pid_t peer;

	ret = net_set_mtu(opt->ifname, mtu);
	if (ret) {
		demo_err("cannot set the MTU of %s to %d: %s", opt->ifname,
			 mtu, strerror(-ret));
		return ret;
	}
	peer = peer_start(peer_set_mtu, &mtu);
	return peer < 0 || peer_wait(peer) ? -EIO : 0;
}

int main(int argc, char **argv)
{
	struct options opt = {
		.ifname = "eth0",
		.addr = "10.0.0.1",
		.rxq = 1,
		.bytes = 1024 * 1024 * 1024,
		.kind = AREA_UDMABUF,
		.area_len = 32 * 1024 * 1024,
	};
	struct result r[2] = { { .name = "zcrx" }, { .name = "recv" } };

	parse(&opt, argc, argv);
	stream_init(&stream, SEED);

	if (opt.mtu && set_mtu(&opt))
		return 1;
	if (run_zc(&opt, &r[0]))
		return 1;
	if (!opt.no_recv && run_recv(&opt, &r[1]))
		return 1;
	summary(&opt, r, opt.no_recv ? 1 : 2);
	return 0;
}
