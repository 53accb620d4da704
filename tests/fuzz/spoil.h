/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FUZZ_SPOIL_H
#define FUZZ_SPOIL_H

#include <stdbool.h>

#include "lib/prng.h"

struct io_uring_zcrx_area_reg;

/*
 * Another area that is as good: a range of its dma-buf, or a fallback, which only one
 * that is added may be.
 */
void vary_area(struct prng *p, struct io_uring_zcrx_area_reg *area, bool added);

void spoil_area(struct prng *p, struct io_uring_zcrx_area_reg *area);

#endif /* FUZZ_SPOIL_H */
