/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_PINS_H
#define TESTS_PINS_H

/*
 * Pages that are pinned in the whole machine now, the memory under a udmabuf
 * included; negative if the kernel does not tell. Nothing else in the VM pins
 * any, so what a test leaves behind shows, whichever process did it.
 */
long pins_now(void);

/*
 * Waits until there are want pins, since the kernel takes its time to let
 * go of a ring. Returns how many there are in the end.
 */
long pins_wait(long want, unsigned int timeout_ms);

#endif /* TESTS_PINS_H */
