/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_XDP_H
#define TESTS_XDP_H

/*
 * Attaches an XDP program that passes every packet. Returns a file descriptor
 * that detaches it when closed, or -errno.
 */
int xdp_attach(unsigned int ifindex);

#endif /* TESTS_XDP_H */
