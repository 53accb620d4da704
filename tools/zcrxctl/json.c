// SPDX-License-Identifier: GPL-2.0
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "json.h"
#include "utf8.h"

#define MAX_DEPTH	8

static struct {
	char close;
	bool filled;	/* has a member: the next one takes a comma */
} level[MAX_DEPTH];
static unsigned int depth;

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
		} else if (utf8_is_c1(s)) {
			printf("\\u%04x", s[1]);
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
