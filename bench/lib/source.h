/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BENCH_SOURCE_H
#define BENCH_SOURCE_H

/* Where the stream comes from, and which it is: both sides know. */
#define SOURCE_IF	"eth1"
#define SOURCE_ADDR	"10.0.0.2"
#define SOURCE_PORT	5201
#define SOURCE_SEED	77

#endif /* BENCH_SOURCE_H */
