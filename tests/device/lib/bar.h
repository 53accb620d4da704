/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_BAR_H
#define TESTS_BAR_H

#include <linux/types.h>
#include <stdbool.h>

#include "../../kernel/zcrx_bar.h"
#include "area.h"
#include "zc.h"

/* What tests/device/run has. */
#define BAR_LEN		(64 * 1024 * 1024)
#define BAR_DRIVER	"/sys/bus/pci/drivers/" ZCRX_BAR_DEV

/* The device's PCI address. Returns 0 or -errno. */
int bar_slot(char *slot, size_t size);

/* Fills all of the BAR: what a stray write changes shows. 0 or -errno. */
int bar_fill(void);

/* Nothing but these bytes have changed since. Returns 0 or -errno. */
int bar_check_around(size_t offset, size_t len);

/* Returns a file that may become a window, or -errno. */
int window_open(void);

/* Returns the window's dma-buf, or -errno. */
int window_create(int window, __u64 offset, __u64 len);

struct zcrx_bar_stats window_stats(int window);

/* How often the CPU was refused something. */
__u32 window_refused(int window);

/*
 * Nothing was asked of it for the CPU but whether it may, by so many registrations at
 * most: each does once, and takes no for an answer.
 */
bool window_untouched(int window, __u32 registrations);

/* Waits until no device has anything of it. Returns 0 or -ETIMEDOUT. */
int window_wait_unused(int window);

/*
 * A part of the BAR as an area: for DMA it is the dma-buf, and what arrived is
 * read through the BAR's own mapping. Returns 0 or -errno.
 */
int window_area(struct area *area, int window, size_t offset, size_t len);

/* Registers an area for WIRE_RXQ. Returns 0 or -errno, says what failed. */
int bar_open_zc(struct zc *zc, const struct area *area);

void wait_ms(unsigned int ms);

#endif /* TESTS_BAR_H */
