/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_JSON_H
#define ZCRXCTL_JSON_H

#include <stdbool.h>
#include <stdint.h>

/*
 * JSON to stdout, in the order of the calls. In an object each call has a key, in
 * an array it is NULL. json_end() ends whichever was begun last; that of the outermost
 * ends the line.
 */
void json_object(const char *key);
void json_array(const char *key);
void json_end(void);
void json_str(const char *key, const char *value);	/* NULL: null */
void json_uint(const char *key, uint64_t value);
void json_double(const char *key, double value);
void json_bool(const char *key, bool value);
void json_null(const char *key);

#endif /* ZCRXCTL_JSON_H */
