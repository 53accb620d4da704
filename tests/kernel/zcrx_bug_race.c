// SPDX-License-Identifier: GPL-2.0
/*
 * A data race for KCSAN to find, so that a test of the tests sees that it is
 * reported and fails a run. Loading the module is what makes it; it can be
 * loaded but not used for anything.
 */

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>

#define RACE_ROUNDS	(1000 * 1000)
#define RACE_THREADS	2

static unsigned long race_counter;
static struct completion race_done[RACE_THREADS];

static int zcrx_bug_race(void *done)
{
	int i;

	for (i = 0; i < RACE_ROUNDS; i++) {
		race_counter++;
		/* or it were one addition */
		barrier();
		cond_resched();
	}
	complete(done);
	return 0;
}

static int __init race_init(void)
{
	struct task_struct *task;
	int i, ret = 0;

	for (i = 0; i < RACE_THREADS; i++) {
		init_completion(&race_done[i]);
		task = kthread_run(zcrx_bug_race, &race_done[i],
				   "zcrx_bug_race/%d", i);
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			break;
		}
	}
	while (i--)
		wait_for_completion(&race_done[i]);
	return ret;
}
module_init(race_init);

static void __exit race_exit(void)
{
}
module_exit(race_exit);

MODULE_DESCRIPTION("A data race for KCSAN to find");
MODULE_LICENSE("GPL");
