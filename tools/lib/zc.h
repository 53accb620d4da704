/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_ZC_H
#define LIB_ZC_H

#include <stdbool.h>
#include <stdint.h>

#include <liburing.h>

#include "area.h"

struct zcrx_ext_ctrl;

/*
 * What a registration hands to the kernel, in one place: the three structures
 * and the memory of the refill ring. The structures point to each other, so
 * this must not be moved or copied.
 */
struct zc_reg {
	struct io_uring_zcrx_ifq_reg ifq;
	struct io_uring_zcrx_area_reg area;
	struct io_uring_region_desc region;
};

struct zc_config {
	bool nodev;		/* without a NIC: ifname and rxq do not matter */
	const char *ifname;
	uint32_t rxq;
	uint32_t cq_entries;	/* 0 for a default */
	uint32_t rq_entries;	/* 0 for twice the pages of the area */
	uint32_t rx_buf_len;	/* 0 for a page */
	bool kernel_rq;		/* the kernel allocates the refill ring */
	bool huge_rq;		/* it lies in hugetlb pages of the process */
	enum area_kind kind;
	size_t area_len;
};

/* As many as the kernel takes. */
#define ZC_AREAS_MAX	16

/* A ring with an ifq: all that a receiver needs besides its sockets. */
struct zc {
	struct io_uring ring;
	/*
	 * By the number in a completion's offset, modulo their number; those that
	 * are not are 0.
	 */
	struct area areas[ZC_AREAS_MAX];
	uint64_t tokens[ZC_AREAS_MAX];
	struct zc_reg reg;
	struct io_uring_zcrx_rq rq;
	size_t region_len;

	/* Entries that found the refill ring full, to be written later. */
	struct io_uring_zcrx_rqe *stash;
	unsigned int stash_len, stash_cap;

	unsigned long enters;	/* calls of io_uring_enter() so far */
	const char *failed;	/* what failed, where zc_open() did */
};

/* A ring of the kind that a registration demands. Returns 0 or -errno. */
int zc_ring_open(struct io_uring *ring, uint32_t cq_entries);

/*
 * Fills in a registration that has nothing wrong with it, for queue rxq of
 * the interface, the given area and a refill ring in memory of the process;
 * without a region, the kernel allocates one of region_len.
 */
void zc_reg_init(struct zc_reg *reg, uint32_t ifindex, uint32_t rxq,
		 uint32_t rq_entries, const struct area *area,
		 void *region, size_t region_len);

/*
 * After a registration that went well: its refill ring is used from now on, in the
 * region, which is where reg says or where the kernel's was mapped.
 */
void zc_use_region(struct zc *zc, void *region);

/* Bytes of memory that a refill ring needs, header included. */
size_t zc_region_len(uint32_t rq_entries);

/*
 * Opens the ring, makes the area and registers both. Returns 0 or -errno; on
 * failure zc->failed names what did, and nothing is left open.
 */
int zc_open(struct zc *zc, const struct zc_config *cfg);

/*
 * The same for an area that is there already: kind and area_len of cfg do not
 * matter. zc_close() closes it, and so does a failure.
 */
int zc_open_area(struct zc *zc, const struct zc_config *cfg,
		 const struct area *area);

void zc_close(struct zc *zc);

/*
 * What the user may do about a failure of zc_open(). Does not return NULL.
 */
const char *zc_advice(const struct zc *zc, int err);

/* Submits a RECV_ZC of len bytes, or without limit if 0. */
int zc_recv(struct zc *zc, int sockfd, uint32_t len, uint64_t user_data);

/*
 * Submits sqes as they are, in one go. Returns 0 or -errno; -EIO if the kernel
 * did not take all of them.
 */
int zc_submit(struct zc *zc, const struct io_uring_sqe *sqes, unsigned int nr);

/*
 * Waits until there is a completion; -ETIME if there is none in time. Does
 * no system call if there is one already.
 */
int zc_wait(struct zc *zc, unsigned int timeout_ms);

/*
 * IORING_REGISTER_ZCRX_CTRL. zcrx_id of ctrl is its caller's to set. Returns 0
 * or -errno.
 */
int zc_ctrl(const struct zc *zc, struct zcrx_ctrl *ctrl);

/* The same for operations of linux/io_uring/zcrx_ext.h, for the ring's ifq. */
int zc_ext_ctrl(const struct zc *zc, struct zcrx_ext_ctrl *ctrl);

/*
 * Publishes and has the kernel take back what is in the refill ring, until
 * nothing is stashed either. Returns 0 or -errno.
 */
int zc_flush(struct zc *zc);

/* A file descriptor that stands for the ifq, or -errno. */
int zc_export(const struct zc *zc);

/* ZCRX_CTRL_ARM_EVENT. Returns 0 or -errno. */
int zc_arm_event(struct zc *zc, uint32_t type);

/*
 * Adds an area, which zc_close() closes then; a failure leaves it to the
 * caller. Returns 0 or -errno: -EPROTO if the kernel gave it a number that is
 * taken, or none. The token goes to *token, if that is not NULL.
 */
int zc_add_area(struct zc *zc, const struct area *area, uint64_t *token);

/*
 * Removes an area, and asks for a notice with that user_data when it has gone, if
 * that is not 0. What is held of it is found until zc_forget_area(), which leaves
 * the area to the caller. Returns 0 or -errno.
 */
int zc_remove_area(struct zc *zc, uint64_t token, uint64_t user_data);
struct area zc_forget_area(struct zc *zc, uint64_t token);

/*
 * The ring lets go of its ifq, and asks for a notice as above. Returns 0 or
 * -errno.
 */
int zc_unregister(struct zc *zc, uint64_t user_data);

/*
 * After that, and when nothing of the refill ring matters any more: registers what
 * zc->reg says once more, in the same region. Returns 0 or -errno.
 */
int zc_register_again(struct zc *zc);

/*
 * A further RX queue of the ifq's interface, with a refill ring of its own. Buffers
 * may go back by any of the rings, whichever queue they came by: zc_recycle() takes
 * the first.
 */
struct zc_queue {
	uint32_t rxq;
	struct io_uring_zcrx_rq rq;
	size_t region_len;
};

/*
 * Binds a queue. zc says which interface; the refill ring has as many entries as
 * the first, and lies in memory of the process, or of the kernel if that is asked
 * for. Returns 0 or -errno, with nothing left open.
 */
int zc_bind_queue(struct zc *zc, struct zc_queue *queue, uint32_t rxq,
		  bool kernel_rq);

/* Unmaps the refill ring as well, if it succeeds. Returns 0 or -errno. */
int zc_unbind_queue(struct zc *zc, struct zc_queue *queue);

/* Only that: for a queue that has gone with its ifq. */
void zc_queue_forget(struct zc_queue *queue);

/* Gives the payload of a completion back by that queue's ring. False: it is full. */
bool zc_queue_recycle(const struct zc *zc, struct zc_queue *queue,
		      const struct io_uring_cqe *cqe);

/*
 * Where the payload of a completion lies, or NULL if the completion points
 * outside the areas, which no kernel may do.
 */
void *zc_data(const struct zc *zc, const struct io_uring_cqe *cqe);

/*
 * Gives the payload of a completion back. The kernel sees it after
 * zc_publish(), so that one store covers a batch.
 */
void zc_recycle(struct zc *zc, const struct io_uring_cqe *cqe);
void zc_publish(struct zc *zc);

/*
 * The same in two steps, for who keeps payload after its completion is gone:
 * the entry that will give it back, and that it is given back.
 */
struct io_uring_zcrx_rqe zc_refill_entry(const struct zc *zc,
					 const struct io_uring_cqe *cqe);
void zc_refill(struct zc *zc, const struct io_uring_zcrx_rqe *rqe);

/*
 * The sum over the ring's ifqs of what its fdinfo has for key, such as
 * "copied" or "held"; -1 if it does not have it.
 */
int64_t zc_fdinfo(const struct zc *zc, const char *key);

/* The same of one of the queues, such as "from_ring". */
int64_t zc_fdinfo_queue(const struct zc *zc, uint32_t rxq, const char *key);

/*
 * The number behind the next " key: " of a line of fdinfo, and where it begins; NULL if
 * there is none.
 */
const char *zc_fdinfo_find(const char *line, const char *key, int64_t *value);

#endif /* LIB_ZC_H */
