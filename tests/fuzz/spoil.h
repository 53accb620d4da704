/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FUZZ_SPOIL_H
#define FUZZ_SPOIL_H

#include "lib/prng.h"

struct io_uring_zcrx_area_reg;

void spoil_area(struct prng *p, struct io_uring_zcrx_area_reg *area);

#endif /* FUZZ_SPOIL_H */
