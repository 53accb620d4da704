/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FUZZ_H
#define FUZZ_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include <liburing.h>

#include "area.h"
#include "lib/wire.h"
#include "lib/prng.h"

/*
 * The model: what is there to be attacked. Nothing here is ever lent to the
 * honest streams (honest.c), so what becomes of it is of no concern but to the
 * kernel.
 */
#define FUZZ_PAGE	4096UL
#define NR_RINGS	6
#define NR_IFQS		4	/* of a ring */
#define NR_AREAS	8
#define NR_REGIONS	8
#define REGION_LEN	(8 * FUZZ_PAGE)
#define NR_PAIRS	4
#define NR_EXPORTS	6
#define NR_MAPS		6

struct fuzz_ifq {
	bool used;
	bool kernel_rq;
	bool nic;
	__u32 id;
	__u32 entries;
	__u64 mmap_offset;
	void *region;		/* of the process, one of model.regions */
};

struct fuzz_ring {
	bool open;
	struct io_uring ring;
	struct fuzz_ifq ifq[NR_IFQS];
};

struct fuzz_map {
	void *ptr;
	size_t len;
};

struct model {
	struct fuzz_ring ring[NR_RINGS];
	struct area area[NR_AREAS];
	unsigned int nr_areas;
	void *region[NR_REGIONS];
	int pair[NR_PAIRS][2];	/* the receiver's end and the sender's */
	int export[NR_EXPORTS];
	struct fuzz_map map[NR_MAPS];
	struct wire wire;	/* to whoever has the NIC; peer 0: none */
	unsigned int nic_areas;	/* dma-bufs that the NIC has got, a bit each */
	int odd_fd[5];		/* what is no TCP connection */
	void *readonly;
	void *no_access;
	void *half;		/* the last 16 bytes that can be accessed */
};

extern struct model model;

/* Both return 0 or -errno. */
int model_open(void);
void model_close(void);

int ring_open(struct fuzz_ring *r, struct prng *p);
void ring_close(struct fuzz_ring *r);
int pair_open(int pair[2]);
/* Whoever has the NIC's queue lets go of it. */
void release_nic(void);
unsigned int nic_area(unsigned int which);
/* Arms a good request. */
void recv_arm(struct fuzz_ring *r, const struct fuzz_ifq *q, int fd);

struct fuzz_ring *pick_ring(struct prng *p);
/* A slot of any ring, the used ones preferred. */
struct fuzz_ifq *pick_ifq(struct fuzz_ring *r, struct prng *p);
struct fuzz_ifq *free_ifq(struct fuzz_ring *r);

/* A pointer that the kernel cannot use, or not all of: never our own data. */
__u64 bad_pointer(struct prng *p);

/* Operations. Each returns 0 or -errno, as the kernel said. */
int op_register(struct prng *p);
int op_import(struct prng *p);
int op_register_nic(struct prng *p);
int op_nic_stream(struct prng *p);
int op_flush(struct prng *p);
int op_export(struct prng *p);
int op_arm(struct prng *p);
int op_add_area(struct prng *p);
int op_remove_area(struct prng *p);
int op_subscribe(struct prng *p);
int op_unregister(struct prng *p);
int op_bind_queue(struct prng *p);
int op_unbind_queue(struct prng *p);
int op_ctrl_unknown(struct prng *p);
int op_query(struct prng *p);
int op_recv(struct prng *p);
int op_cancel(struct prng *p);
int op_send(struct prng *p);
int op_reconnect(struct prng *p);
int op_reap(struct prng *p);
int op_mmap(struct prng *p);
int op_munmap(struct prng *p);
int op_ring_close(struct prng *p);
int op_close_fd(struct prng *p);
int op_fdinfo(struct prng *p);
int op_netlink(struct prng *p);
int op_scribble(struct prng *p);
int op_honest(struct prng *p);

/* Takes what completions there are; returns the end of request want, or 0. */
int ring_reap(struct fuzz_ring *r, __u64 want);

/* The streams that nobody may disturb. Return 0 or -errno. */
int honest_open(void);
int honest_finish(void);
void honest_close(void);

struct honest_sum {
	unsigned long long bytes;	/* received and compared */
	unsigned long long lost;	/* sent, and not received or wrong */
	unsigned int broken;		/* streams that ended otherwise */
};

extern struct honest_sum honest;

/* The second thread. */
int scribbler_start(__u64 seed);
void scribbler_stop(void);
extern unsigned long long scribbles;
void scribble(void *region, struct prng *p);

/* What came of which operation. */
void report_add(const char *op, int ret);
void report_print(void);
extern unsigned long long report_ops, report_ok;
/* Of these, calls of zcrx: not what is around them. */
extern unsigned long long report_calls, report_calls_ok;
/* That bound, unbound or used a queue of the NIC; not what removed an area of it. */
extern unsigned long long report_nic;

#endif /* FUZZ_H */
