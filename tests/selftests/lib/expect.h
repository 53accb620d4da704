/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_EXPECT_H
#define TESTS_EXPECT_H

/* For what says in words what is wrong, or returns NULL. */
#define EXPECT_NO_FAULT(what)						\
	do {								\
		const char *fault = what;				\
									\
		EXPECT_EQ(NULL, fault)					\
			TH_LOG("%s", fault);				\
	} while (0)

#endif /* TESTS_EXPECT_H */
