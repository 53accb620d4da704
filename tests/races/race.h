/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RACES_RACE_H
#define RACES_RACE_H

#include <linux/types.h>
#include <pthread.h>
#include <stdbool.h>

#include "lib/live.h"
#include "lib/prng.h"

#define KIB	1024ULL
#define MIB	(1024 * KIB)
/* More than anybody waits for. */
#define ENDLESS	(1024 * 1024 * MIB)

/* What a round returns, if not -errno. */
enum {
	ROUND_IDLE,	/* no bytes moved before or after: it does not count */
	ROUND_COUNTS,
};

/* A race that runs: where chance comes from, and what came out. */
struct run {
	struct prng prng;
	int kind;		/* an enum area_kind, or -1: by chance */
	__u64 bytes;		/* received, and compared */
	__u64 lost;		/* missing in streams that came to their end */
	bool smp;		/* there is a CPU to spin on */
	unsigned int unchecked;	/* rounds since nothing_left() was asked */

	/* rounds: begun, and of these */
	unsigned int begun, counted, idle;
	const char *at;		/* what the last one is at */
	int ret;		/* of it, or of what follows them */
};

struct race {
	const char *name;
	bool rare;		/* a tenth of the rounds */
	/* by default no more, no less than what the others have; may be NULL */
	int (*begin)(struct run *run);
	int (*round)(struct run *run);
	/* ends what rounds have left open; may be NULL */
	int (*end)(struct run *run);
};

extern const struct race race_kill, race_exit, race_restart;
extern const struct race race_resize, race_channels, race_mtu, race_link;
extern const struct race race_unbind, race_unplug, race_netns;
extern const struct race race_exporter, race_share;
extern const struct race race_areas, race_leave, race_queues;

/* Chance: a number below n, which is not 0. */
__u64 chance(struct run *run, __u64 n);
enum area_kind chance_kind(struct run *run);
const char *chance_addr(struct run *run);

/* A moment within a round, in ns: mostly short ones. */
unsigned int chance_delay(struct run *run);
/* Lets it pass: spins if it is short and nobody needs the CPU. */
void delay(const struct run *run, unsigned int ns);

/* Says that it went wrong, with errno negated, and returns that. */
int failed(const char *what, int ret);

/* Nothing may be left: queue, pools, pins. Returns 0 or -errno. */
int nothing_left(void);

/*
 * The queue has to be free; as for the rest, a page_pool that lacked a buffer
 * looks for it but once a second, so that is asked for once in some rounds.
 */
int ring_gone(struct run *run);

/* Settings of the network that make rounds short. */
int tune(void);

/* How the kernel waits for what got lost on the wire, here or in the peer. */
int set_patience(const char *rto_min_us);
int set_peer_patience(const char *rto_min_us);

/*
 * Does all rounds in a process of its own, and ends that if a round takes too
 * long. Leaves the NIC as it was. Returns 0 or -errno; -EBUSY if nothing more
 * can run.
 */
int run_rounds(const struct race *race, struct run *run, unsigned int rounds);

/* The stream of all that is not struct live's. */
extern struct stream race_stream;

/*
 * Receives a stream of a new connection on a ring to its end. What did not
 * come is lost.
 */
int receive_stream(struct run *run, struct zc *zc, const char *addr, __u64 len);

/* The same on a new ring, which then leaves nothing. */
int receive_on_new_ring(struct run *run, enum area_kind kind);

/* Something that happens at some moment, while this thread receives. */
struct actor {
	pthread_t thread;
	int (*act)(struct actor *actor);
	const struct run *run;
	unsigned int delay;
	unsigned long arg;
	int ret;
	bool done;
};

/* Takes over act and arg. Returns 0 or -errno. */
int actor_start(struct actor *actor, struct run *run);
bool actor_done(const struct actor *actor);
/* What act returned. */
int actor_join(struct actor *actor);

/*
 * A stream that outlives many rounds. _begin opens one if there is none; _end
 * is asked for after each round, and ends it after some, or if it has to.
 */
struct live *lasting_begin(struct run *run, int *ret);
int lasting_round(struct run *run, int (*act)(struct actor *actor),
		  unsigned long arg);
int lasting_end(struct run *run, bool now);
bool lasting_is_open(void);

/* The same with what the ring's own thread has to do, at some moment. */
int lasting_act(struct run *run, int (*act)(struct run *run, struct live *live));

/*
 * What the race of areas does to one, for lasting_act(), and what comes after such
 * a round: lasting_end() for one.
 */
int areas_act(struct run *run, struct live *live);
int areas_after(struct run *run, struct live *live);

/* The smallest area that it adds, which may be all there is. */
extern size_t areas_unit;

#endif /* RACES_RACE_H */
