// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's packages are in no archive, so apt does not tell that they are old.
 * What it does know is which source they would be made of today.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "debian.h"

#define OUR_MARK	"+zcrx"
#define SOURCE		"linux-source-6.12"
#define CANDIDATE	"  Candidate: "

/* In English, whatever the user speaks. */
static char *const environment[] = {
	"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL,
};

static int start(const char *const argv[], int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int ret;

	ret = posix_spawn_file_actions_init(&actions);
	if (ret)
		return -ret;
	ret = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!ret)
		ret = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO,
						       "/dev/null", O_WRONLY, 0);
	if (!ret)
		ret = posix_spawn(pid, argv[0], &actions, NULL,
				  (char *const *)argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	return -ret;
}

/* What it writes, up to len - 1 bytes; its exit status, or -errno. */
static int run(const char *const argv[], char *said, size_t len)
{
	int fds[2], ret, status = -1;
	size_t have = 0;
	char rest[256];
	ssize_t n;
	pid_t pid;

	said[0] = '\0';
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	ret = start(argv, fds[1], &pid);
	close(fds[1]);
	if (!ret) {
		do {
			bool room = have < len - 1;

			n = read(fds[0], room ? said + have : rest,
				 room ? len - 1 - have : sizeof(rest));
			if (n > 0 && room)
				have += n;
		} while (n > 0 || (n < 0 && errno == EINTR));
		said[have] = '\0';
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		/* -1: nobody to wait for, as where SIGCHLD is ignored */
		ret = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
	}
	close(fds[0]);
	return ret;
}

static void copy_version(char *to, const char *from)
{
	size_t len = strcspn(from, " \t\n");

	if (len >= DEBIAN_VERSION_LEN)
		len = DEBIAN_VERSION_LEN - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

/* What apt would install of Debian's source. */
static int current_version(char *version)
{
	const char *const argv[] = {
		"/usr/bin/apt-cache", "policy", SOURCE, NULL,
	};
	char said[4096], *line;
	int ret;

	ret = run(argv, said, sizeof(said));
	if (ret)
		return ret < 0 ? ret : -ENOENT;
	line = strstr(said, CANDIDATE);
	if (!line)
		return -ENOENT;
	copy_version(version, line + strlen(CANDIDATE));
	return version[0] == '(' ? -ENOENT : 0;
}

/* That of the package, less ours; else the kernel's own, which lacks Debian's part. */
static int running_version(const char *release, char *version)
{
	char package[DEBIAN_VERSION_LEN], said[DEBIAN_VERSION_LEN], *mark;
	const char *const argv[] = {
		"/usr/bin/dpkg-query", "-W", "-f", "${Version}", package, NULL,
	};
	int n;

	n = snprintf(package, sizeof(package), "linux-image-%s", release);
	if (n < 0 || (size_t)n >= sizeof(package))
		return -ENAMETOOLONG;
	if (run(argv, said, sizeof(said)) || !said[0])
		copy_version(said, release);
	mark = strstr(said, OUR_MARK);
	if (mark)
		*mark = '\0';
	copy_version(version, said);
	return version[0] ? 0 : -ENOENT;
}

bool debian_is_ours(const char *release)
{
	return strstr(release, OUR_MARK);
}

int debian_kernel(const char *release, struct debian_kernel *kernel)
{
	char current[DEBIAN_VERSION_LEN], said[16], *revision;
	const char *const argv[] = {
		"/usr/bin/dpkg", "--compare-versions", kernel->running, "lt",
		current, NULL,
	};
	int ret;

	ret = running_version(release, kernel->running);
	if (ret)
		return ret;
	ret = current_version(kernel->current);
	if (ret)
		return ret;
	copy_version(current, kernel->current);
	/* where Debian's part of the one is not known, the other's does not count */
	revision = strrchr(current, '-');
	if (revision && !strchr(kernel->running, '-'))
		*revision = '\0';
	ret = run(argv, said, sizeof(said));
	if (ret < 0 || ret > 1)
		return ret < 0 ? ret : -EINVAL;
	kernel->older = !ret;
	return 0;
}
