// SPDX-License-Identifier: GPL-2.0
/*
 * The areas of an ifq: how they come, get their ids, and go.
 *
 * An area's id tells in its lowest bits which slot of the table it has, and in
 * the others how many had that slot before. So an id stands for one area, and
 * never for another after that one has gone.
 *
 * An area leaves in four steps. No buffer of it is handed out any more
 * (leaving); the queues are restarted, so that no NIC has one; the last buffer
 * comes home (condemned until then); and a work item unmaps and forgets it. That
 * one waits for whoever found the area in the table without a lock: all of them
 * are readers of RCU, or hold a reference.
 */

#include <linux/io_uring_types.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/rtnetlink.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <trace/events/zcrx.h>

#include "zcrx.h"

#define ZCRX_AREA_ID_MAX	((1U << (64 - IORING_ZCRX_AREA_SHIFT)) - 1)

static u64 zcrx_id_token(unsigned int id)
{
	return (u64)id << IORING_ZCRX_AREA_SHIFT;
}

/* The id of the next area, -ENOSPC if there is none; ifq->lock is held. */
static int zcrx_areas_next_id(struct zcrx_ifq *ifq)
{
	unsigned int slot;

	for (slot = 0; slot < ZCRX_AREAS_MAX; slot++) {
		unsigned int id = slot + ifq->slot_uses[slot] * ZCRX_AREAS_MAX;

		if (!rcu_access_pointer(ifq->areas[slot]) &&
		    id <= ZCRX_AREA_ID_MAX)
			return id;
	}
	return -ENOSPC;
}

static int zcrx_areas_peek_id(struct zcrx_ifq *ifq)
{
	int id;

	mutex_lock(&ifq->lock);
	id = zcrx_areas_next_id(ifq);
	mutex_unlock(&ifq->lock);
	return id;
}

/* Give an area the id @id, 1 if it was taken meanwhile; ifq->lock is held. */
static int zcrx_areas_add_as(struct zcrx_area *area, int id)
{
	struct zcrx_ifq *ifq = area->ifq;
	int ret;

	if (zcrx_areas_next_id(ifq) != id)
		return 1;
	area->token = zcrx_id_token(id);
	if (ifq->mapped && !area->fallback) {
		ret = zcrx_area_map(area);
		if (ret)
			return ret;
	}
	ifq->slot_uses[id % ZCRX_AREAS_MAX]++;
	rcu_assign_pointer(ifq->areas[zcrx_token_slot(area->token)], area);
	list_add_tail_rcu(&area->list, &ifq->area_list);
	return 0;
}

static void zcrx_area_trace(const struct zcrx_area *area, const char *what,
			    int ret)
{
	trace_zcrx_area(area->ifq->serial, area->token, area->nia.num_niovs,
			what, ret);
}

/**
 * zcrx_areas_add() - let the ifq that an area was made for use it
 * @area: the area, which the ifq owns if this succeeds
 * @token: where user space wants the area's token, or NULL
 *
 * The NIC may have buffers of it at once, so there is no way back, and the
 * token is written before. Not under ifq->lock, which RTNL's owners want: user
 * space may make the write take as long as it likes.
 *
 * Return: 0, -ENOSPC (too many areas), -EFAULT (@token), or why it cannot be
 * mapped.
 */
int zcrx_areas_add(struct zcrx_area *area, u64 __user *token)
{
	struct zcrx_ifq *ifq = area->ifq;
	int ret;

	do {
		int id = zcrx_areas_peek_id(ifq);

		if (id < 0) {
			ret = id;
			break;
		}
		if (token && put_user(zcrx_id_token(id), token))
			return -EFAULT;

		mutex_lock(&ifq->lock);
		ret = zcrx_areas_add_as(area, id);
		if (ret <= 0)
			zcrx_area_trace(area, "add", ret);
		mutex_unlock(&ifq->lock);
	} while (ret > 0);

	if (ret && token && put_user(0, token))
		ret = -EFAULT;
	return ret;
}

/*
 * All of them
 */

/**
 * zcrx_areas_map() - map all areas for the device
 * @ifq: the ifq
 *
 * Return: 0, or a negative error with nothing mapped.
 */
int zcrx_areas_map(struct zcrx_ifq *ifq)
{
	struct zcrx_area *area;
	int ret = 0;

	mutex_lock(&ifq->lock);
	list_for_each_entry(area, &ifq->area_list, list) {
		ret = zcrx_area_map(area);
		if (ret)
			break;
	}
	if (ret) {
		list_for_each_entry_continue_reverse(area, &ifq->area_list,
						     list)
			zcrx_area_unmap(area);
	}
	ifq->mapped = !ret;
	mutex_unlock(&ifq->lock);
	return ret;
}

/* Unmap all areas, if they are mapped: once no NIC can write any more. */
void zcrx_areas_unmap(struct zcrx_ifq *ifq)
{
	struct zcrx_area *area;

	mutex_lock(&ifq->lock);
	if (ifq->mapped) {
		list_for_each_entry(area, &ifq->area_list, list)
			zcrx_area_unmap(area);
		ifq->mapped = false;
	}
	mutex_unlock(&ifq->lock);
}

/* How many net_iovs all areas have together. */
size_t zcrx_areas_niovs(struct zcrx_ifq *ifq)
{
	struct zcrx_area *area;
	size_t sum = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(area, &ifq->area_list, list)
		sum += area->nia.num_niovs;
	rcu_read_unlock();
	return sum;
}

/* Is there one whose memory is subject to the DMA API's ownership rules? */
bool zcrx_areas_need_sync(struct zcrx_ifq *ifq)
{
	struct zcrx_area *area;
	bool need = false;

	rcu_read_lock();
	list_for_each_entry_rcu(area, &ifq->area_list, list)
		need |= area->mem.ops->dma_sync;
	rcu_read_unlock();
	return need;
}

/* Are fewer than @nr net_iovs free, of those that the NIC may get? Under RCU. */
bool zcrx_areas_free_below(struct zcrx_ifq *ifq, u32 nr)
{
	struct zcrx_area *area;
	u64 sum = 0;

	list_for_each_entry_rcu(area, &ifq->area_list, list) {
		if (zcrx_area_receives(area))
			sum += READ_ONCE(area->free_count);
	}
	return sum < nr;
}

/**
 * zcrx_areas_each() - do something with each area that may sleep
 * @ifq: the ifq
 * @fn: what; the area stays while it runs
 * @data: for @fn
 */
void zcrx_areas_each(struct zcrx_ifq *ifq,
		     void (*fn)(struct zcrx_area *area, void *data), void *data)
{
	unsigned int slot;

	for (slot = 0; slot < ZCRX_AREAS_MAX; slot++) {
		struct zcrx_area *area;

		mutex_lock(&ifq->lock);
		area = rcu_dereference_protected(ifq->areas[slot],
						 lockdep_is_held(&ifq->lock));
		if (area)
			refcount_inc(&area->refs);
		mutex_unlock(&ifq->lock);
		if (!area)
			continue;
		fn(area, data);
		zcrx_area_put(area);
	}
}

/* The ifq ends, and nobody has a buffer of it. */
void zcrx_areas_free(struct zcrx_ifq *ifq)
{
	struct zcrx_area *area, *tmp;

	list_for_each_entry_safe(area, tmp, &ifq->area_list, list)
		zcrx_area_free(area);
}

/*
 * The way out
 */

/* Find an area that stays, with another one left for the NIC if that is for the
 * NIC; ifq->lock is held.
 */
static struct zcrx_area *zcrx_areas_find_other(struct zcrx_ifq *ifq, u64 token)
{
	struct zcrx_area *area, *found = NULL;
	unsigned int others = 0;

	list_for_each_entry(area, &ifq->area_list, list) {
		if (READ_ONCE(area->leaving))
			continue;
		if (area->token == token)
			found = area;
		else
			others += !area->fallback;
	}
	if (!found)
		return ERR_PTR(-ENOENT);
	if (!found->fallback && !others)
		return ERR_PTR(-EBUSY);
	return found;
}

static void zcrx_area_gone(struct work_struct *work)
{
	struct zcrx_area *area = container_of(work, struct zcrx_area, gone_work);
	struct zcrx_ifq *ifq = area->ifq;

	zcrx_area_trace(area, "gone", 0);
	mutex_lock(&ifq->lock);
	zcrx_area_unmap(area);
	list_del_rcu(&area->list);
	RCU_INIT_POINTER(ifq->areas[zcrx_token_slot(area->token)], NULL);
	mutex_unlock(&ifq->lock);

	synchronize_rcu();
	zcrx_area_put(area);
	zcrx_ifq_put(ifq);
}

/**
 * zcrx_areas_remove() - let an area go
 * @ifq: the ifq
 * @token: the area's
 * @notice: who is told when the last buffer is back and the memory is let go;
 *	the area owns it if this succeeds. May be NULL
 *
 * Once this returned 0 no NIC writes into the area any more, nor does a copy
 * begin, but one of another ring may be under way. What the user holds of it stays
 * valid until it was given back.
 *
 * Return: 0, -ENOENT (no such area, or it is leaving), -EBUSY (the NIC would be
 * left without one), or why a queue could not be restarted: then the area stays.
 */
int zcrx_areas_remove(struct zcrx_ifq *ifq, u64 token,
		      struct zcrx_notice *notice)
{
	struct zcrx_area *area;
	int ret = 0;

	mutex_lock(&ifq->lock);
	area = zcrx_areas_find_other(ifq, token);
	if (!IS_ERR(area))
		zcrx_area_set_leaving(area, true);
	mutex_unlock(&ifq->lock);
	if (IS_ERR(area))
		return PTR_ERR(area);

	if (!area->fallback)
		ret = zcrx_queues_restart(ifq);
	zcrx_area_trace(area, "remove", ret);
	if (ret) {
		zcrx_area_set_leaving(area, false);
		return ret;
	}

	INIT_WORK(&area->gone_work, zcrx_area_gone);
	area->notice = notice;
	zcrx_ifq_get(ifq);
	zcrx_area_condemn(area);
	return 0;
}
