/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_UTF8_H
#define ZCRXCTL_UTF8_H

#include <stdbool.h>

/*
 * Bytes of the character that s begins with, 0 if it is none of UTF-8: too long for what
 * it says, half of a pair, beyond U+10FFFF, or broken off.
 */
unsigned int utf8_bytes(const unsigned char *s);

/* U+0080 to U+009F, which are as good as ESC to a terminal? */
static inline bool utf8_is_c1(const unsigned char *s)
{
	return s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0;
}

#endif /* ZCRXCTL_UTF8_H */
