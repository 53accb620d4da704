/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_XSK_H
#define TESTS_XSK_H

/* Pages that a socket of xsk_open() pins. */
#define XSK_PINS	16

/*
 * An AF_XDP socket in copy mode on a queue, which any driver can. Returns a
 * file descriptor or -errno. The queue is free some time after close().
 */
int xsk_open(unsigned int ifindex, unsigned int queue);

#endif /* TESTS_XSK_H */
