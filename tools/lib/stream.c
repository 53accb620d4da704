// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "stream.h"

/* The finalizer of splitmix64: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

void stream_init(struct stream *s, uint64_t seed)
{
	size_t i;

	s->seed = mix(seed);
	for (i = 0; i < STREAM_WORDS; i++)
		s->word[i] = mix(s->seed + i);
}

/* What is added to the words of the block that off lies in. */
static uint64_t block_key(const struct stream *s, uint64_t off)
{
	return mix(~s->seed + off / STREAM_BLOCK);
}

static uint8_t byte_at(const struct stream *s, uint64_t off)
{
	uint64_t word = s->word[off % STREAM_BLOCK / 8] + block_key(s, off);
	uint8_t byte[8];

	memcpy(byte, &word, 8);
	return byte[off % 8];
}

/*
 * Whole words from off on, which is a multiple of 8, that lie in one block
 * and in len bytes.
 */
static size_t run_of_words(uint64_t off, size_t len)
{
	size_t left = STREAM_BLOCK - off % STREAM_BLOCK;

	return (len < left ? len : left) / 8;
}

void stream_fill(const struct stream *s, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		const uint64_t *word = &s->word[off % STREAM_BLOCK / 8];
		size_t n = run_of_words(off, len), i;
		uint64_t key;

		if (off % 8 || !n) {
			*p++ = byte_at(s, off++);
			len--;
			continue;
		}

		key = block_key(s, off);
		for (i = 0; i < n; i++) {
			uint64_t v = word[i] + key;

			memcpy(p + 8 * i, &v, 8);
		}
		p += 8 * n;
		off += 8 * n;
		len -= 8 * n;
	}
}

static size_t first_wrong(const struct stream *s, uint64_t off,
			  const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != byte_at(s, off + i))
			break;
	return i;
}

bool stream_check(const struct stream *s, uint64_t off, const void *buf,
		  size_t len, size_t *bad)
{
	const uint8_t *start = buf, *p = buf;

	while (len) {
		const uint64_t *word = &s->word[off % STREAM_BLOCK / 8];
		size_t n = run_of_words(off, len), i;
		uint64_t key, wrong = 0;

		if (off % 8 || !n) {
			n = 1;
			wrong = *p != byte_at(s, off);
		} else {
			/* No branch in the loop: where it is comes later. */
			key = block_key(s, off);
			for (i = 0; i < n; i++) {
				uint64_t v;

				memcpy(&v, p + 8 * i, 8);
				wrong |= v ^ (word[i] + key);
			}
			n *= 8;
		}
		if (wrong) {
			*bad = p - start + first_wrong(s, off, p, n);
			return false;
		}
		p += n;
		off += n;
		len -= n;
	}
	return true;
}
