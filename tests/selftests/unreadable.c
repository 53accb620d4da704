// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of the network stack refuse payload that no CPU can read:
 * tests/kernel/zcrx_unreadable.c asks them.
 */
#include <stdio.h>

#include "kselftest_harness.h"

#include "lib/live.h"

FIXTURE(unreadable)
{
	int none;
};

FIXTURE_VARIANT(unreadable)
{
	const char *what;
};

FIXTURE_VARIANT_ADD(unreadable, to_sgvec) { "to_sgvec" };
FIXTURE_VARIANT_ADD(unreadable, gso) { "gso" };
FIXTURE_VARIANT_ADD(unreadable, zerocopy) { "zerocopy" };
FIXTURE_VARIANT_ADD(unreadable, send_sock) { "send_sock" };
FIXTURE_VARIANT_ADD(unreadable, pull) { "pull" };
FIXTURE_VARIANT_ADD(unreadable, checksum) { "checksum" };
FIXTURE_VARIANT_ADD(unreadable, copy_and_csum) { "copy_and_csum" };
FIXTURE_VARIANT_ADD(unreadable, strparser) { "strparser" };

FIXTURE_SETUP(unreadable)
{
}

FIXTURE_TEARDOWN(unreadable)
{
}

TEST_F(unreadable, is_refused)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "modprobe zcrx_unreadable what=%s",
		 variant->what);
	ASSERT_EQ(0, run(cmd));
	EXPECT_EQ(0, run("rmmod zcrx_unreadable"));
}

TEST_HARNESS_MAIN
