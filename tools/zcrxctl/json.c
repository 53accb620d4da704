// SPDX-License-Identifier: GPL-2.0
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "json.h"

#define MAX_DEPTH	8

static struct {
	char close;
	bool filled;	/* has a member: the next one takes a comma */
} level[MAX_DEPTH];
static unsigned int depth;

/*
 * Bytes of the character that s begins with, 0 if it is none of UTF-8: too long for what
 * it says, half of a pair, beyond U+10FFFF, or broken off.
 */
static unsigned int utf8_bytes(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned int i, bytes;
	uint32_t c;

	if (s[0] < 0x80)
		return 1;
	bytes = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc0 || s[0] >= 0xf8)
		return 0;
	c = s[0] & (0x7f >> bytes);
	for (i = 1; i < bytes; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[bytes] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return bytes;
}

/* A process has any bytes for its name; JSON has characters. */
static void quoted(const char *str)
{
	const unsigned char *s = (const unsigned char *)str;
	unsigned int bytes;

	putchar('"');
	for (; *s; s += bytes) {
		bytes = utf8_bytes(s);
		if (!bytes) {
			fputs("\\ufffd", stdout);
			bytes = 1;
		} else if (*s == '"' || *s == '\\') {
			printf("\\%c", *s);
		} else if (*s < 0x20) {
			printf("\\u%04x", *s);
		} else {
			fwrite(s, 1, bytes, stdout);
		}
	}
	putchar('"');
}

static void member(const char *key)
{
	if (depth) {
		if (level[depth - 1].filled)
			putchar(',');
		level[depth - 1].filled = true;
	}
	if (key) {
		quoted(key);
		putchar(':');
	}
}

static void begin(const char *key, char open, char close)
{
	assert(depth < MAX_DEPTH);
	member(key);
	putchar(open);
	level[depth].close = close;
	level[depth].filled = false;
	depth++;
}

void json_object(const char *key)
{
	begin(key, '{', '}');
}

void json_array(const char *key)
{
	begin(key, '[', ']');
}

void json_end(void)
{
	assert(depth);
	putchar(level[--depth].close);
	if (!depth) {
		putchar('\n');
		fflush(stdout);
	}
}

void json_str(const char *key, const char *value)
{
	if (!value) {
		json_null(key);
		return;
	}
	member(key);
	quoted(value);
}

void json_uint(const char *key, uint64_t value)
{
	member(key);
	printf("%llu", (unsigned long long)value);
}

void json_double(const char *key, double value)
{
	if (!isfinite(value)) {
		json_null(key);
		return;
	}
	member(key);
	printf("%.3f", value);
}

void json_bool(const char *key, bool value)
{
	member(key);
	fputs(value ? "true" : "false", stdout);
}

void json_null(const char *key)
{
	member(key);
	fputs("null", stdout);
}
