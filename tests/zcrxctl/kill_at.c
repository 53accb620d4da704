// SPDX-License-Identifier: GPL-2.0
/*
 * kill_at N COMMAND [ARGUMENT]...: runs the command, and kills it at the Nth moment at
 * which a death may matter: after a system call that may have changed something that is
 * not the command's own; before the next one nothing is different. Exit status 0: it was
 * killed; 3: it has ended before that.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDED_BEFORE	3

static int die(const char *what)
{
	perror(what);
	return 1;
}

/* Is this the end of a call that matters? */
static bool matters(pid_t pid)
{
	struct ptrace_syscall_info info;
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0 ||
	    ptrace(PTRACE_GETREGS, pid, 0, &regs) < 0) {
		perror("ptrace");
		exit(1);
	}
	if (info.op != PTRACE_SYSCALL_INFO_EXIT)
		return false;
	switch (regs.orig_rax) {
	case SYS_ioctl:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_write:
	case SYS_rename:
	case SYS_unlink:
	case SYS_mkdir:
	case SYS_fsync:
	case SYS_flock:
		return true;
	case SYS_openat:
		return regs.rdx & O_CREAT;
	}
	return false;
}

/* Runs on to the next stop. Returns false if there is none: it has ended. */
static bool next_stop(pid_t pid)
{
	int status, sig = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, 0, sig) < 0 ||
		    waitpid(pid, &status, 0) != pid ||
		    !WIFSTOPPED(status))
			return false;
		sig = WSTOPSIG(status);
		if (sig == (SIGTRAP | 0x80))
			return true;
		/* of the exec: not for the command */
		if (sig == SIGTRAP)
			sig = 0;
	}
}

int main(int argc, char **argv)
{
	unsigned long n, seen = 0;
	int status;
	pid_t pid;

	n = argc < 3 ? 0 : strtoul(argv[1], NULL, 10);
	if (!n) {
		fprintf(stderr, "usage: kill_at N COMMAND [ARGUMENT]...\n");
		return 2;
	}
	pid = fork();
	if (pid < 0)
		return die("fork");
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
		return die("ptrace");

	while (next_stop(pid)) {
		if (!matters(pid) || ++seen < n)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return 0;
	}
	return ENDED_BEFORE;
}
