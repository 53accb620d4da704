/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_STREAM_H
#define LIB_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A pseudo-random stream of bytes, the same for the same seed, that can be
 * produced and checked from any offset on. No 8 bytes of it are likely to
 * stand at another offset as well, so a buffer that is swapped, repeated,
 * stale or shifted does not pass for the right one.
 *
 * It has to be cheap, since sender and checker share an emulated processor
 * with the network stack that is under test: a word costs one load and one
 * addition. The words of a block of random numbers are used again and again,
 * each time with another random number added.
 */
#define STREAM_BLOCK	(64 * 1024)
#define STREAM_WORDS	(STREAM_BLOCK / sizeof(uint64_t))

struct stream {
	uint64_t seed;
	uint64_t word[STREAM_WORDS];
};

void stream_init(struct stream *s, uint64_t seed);

/* Writes the bytes [off, off + len) of the stream to buf. */
void stream_fill(const struct stream *s, uint64_t off, void *buf, size_t len);

/*
 * Compares len bytes at buf with the stream from off on. Returns true if all
 * are right; otherwise *bad is the position in buf of the first wrong byte.
 */
bool stream_check(const struct stream *s, uint64_t off, const void *buf,
		  size_t len, size_t *bad);

#endif /* LIB_STREAM_H */
