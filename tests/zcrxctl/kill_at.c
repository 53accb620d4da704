// SPDX-License-Identifier: GPL-2.0
/*
 * kill_at N COMMAND [ARGUMENT]...: runs the command, and kills it at the Nth moment at
 * which a death may matter: before or after a system call that changes something that
 * is not the command's own. Exit status 0: it was killed; 3: it has ended before that.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
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

static bool matters(const struct user_regs_struct *regs)
{
	switch (regs->orig_rax) {
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
		return regs->rdx & O_CREAT;
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
	struct user_regs_struct regs;
	unsigned long n, seen = 0;
	int status;
	pid_t pid;

	if (argc < 3 || !(n = strtoul(argv[1], NULL, 10))) {
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

	/* each call stops twice, before it and after it */
	while (next_stop(pid)) {
		if (ptrace(PTRACE_GETREGS, pid, 0, &regs) < 0)
			return die("registers");
		if (!matters(&regs) || ++seen < n)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return 0;
	}
	return ENDED_BEFORE;
}
