// SPDX-License-Identifier: GPL-2.0
/*
 * The VM's first process: bring the machine up, run one command, say how it
 * ended, power off.
 *
 * The kernel's console goes to a serial port of its own. The command's output
 * and error output, and what this program has to say to tests/vm/run, each
 * have a virtio port, so that nothing can be mistaken for anything else. On
 * the status port a line each:
 *	ready SECONDS	the network is up, SECONDS after the kernel started
 *	exit STATUS	the command has ended
 *	signal NUMBER	the command was killed
 *	fail TEXT	the machine could not be brought up
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ARGV_FILE	"/vm/argv"
#define TTY_FILE	"/vm/tty"
#define SYSTEMD_FILE	"/vm/systemd"
#define SYSTEMD		"/lib/systemd/systemd"
#define CWD		"/vm/cwd"
#define CONSOLE		"/dev/hvc0"
#define PORTS		"/sys/class/virtio-ports"
#define PORT_TIMEOUT_MS	20000
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
#define SERIAL		"/dev/ttyS0"

static int status_fd = -1;

static void __attribute__((noreturn)) power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __attribute__((format(printf, 1, 2))) report(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vdprintf(status_fd >= 0 ? status_fd : STDERR_FILENO, fmt, args);
	va_end(args);
}

#define fail(fmt, ...)							\
	do {								\
		report("fail " fmt "\n", ##__VA_ARGS__);		\
		power_off();						\
	} while (0)

static void mount_all(void)
{
	static const struct {
		const char *type, *dir, *options;
	} table[] = {
		{ "proc", "/proc", NULL },
		{ "sysfs", "/sys", NULL },
		/* The kernel does not mount it for an initramfs. */
		{ "devtmpfs", "/dev", NULL },
		{ "devpts", "/dev/pts", NULL },
		{ "tmpfs", "/dev/shm", "mode=1777" },
		{ "hugetlbfs", "/dev/hugepages", NULL },
		{ "tmpfs", "/tmp", "mode=1777" },
		{ "tmpfs", "/run", "mode=755" },
		{ "debugfs", "/sys/kernel/debug", NULL },
		{ "tracefs", "/sys/kernel/tracing", NULL },
		{ "cgroup2", "/sys/fs/cgroup", NULL },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		mkdir(table[i].dir, 0755);
		if (mount(table[i].type, table[i].dir, table[i].type, 0,
			  table[i].options))
			fail("mounting %s on %s: %m", table[i].type,
			     table[i].dir);
	}
	/* What udev would link. */
	if (symlink("/proc/self/fd", "/dev/fd") ||
	    symlink("/proc/self/fd/0", "/dev/stdin") ||
	    symlink("/proc/self/fd/1", "/dev/stdout") ||
	    symlink("/proc/self/fd/2", "/dev/stderr"))
		fail("links in /dev: %m");
}

/* Find a virtio port by the name that tests/vm/run gave it. */
static int try_port(const char *wanted)
{
	char path[PATH_MAX], name[64];
	struct dirent *entry;
	int fd = -1;
	FILE *file;
	DIR *dir;

	dir = opendir(PORTS);
	if (!dir)
		return -1;
	while (fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fscanf(file, "%63s", name) == 1 && !strcmp(name, wanted)) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			fd = open(path, O_WRONLY | O_CLOEXEC);
		}
		fclose(file);
	}
	closedir(dir);
	return fd;
}

/* Ports appear by and by, as the device's control queue is worked off. */
static int open_port(const char *name)
{
	int fd, waited;

	for (waited = 0; waited < PORT_TIMEOUT_MS; waited += 10) {
		fd = try_port(name);
		if (fd >= 0)
			return fd;
		usleep(10000);
	}
	fail("no virtio port named %s", name);
}

static pid_t spawn(char *const argv[], int out, int err)
{
	pid_t pid;
	int fd;

	pid = fork();
	if (pid < 0)
		fail("fork: %m");
	if (pid)
		return pid;

	setsid();
	fd = open("/dev/null", O_RDONLY);
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(125);
	close(fd);
	execvp(argv[0], argv);
	fail("cannot run %s: %m", argv[0]);
}

/* Where the kernel's log goes, too. */
static int open_log(void)
{
	int log = open(SERIAL, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (log < 0)
		fail(SERIAL ": %m");
	return log;
}

/* Run a step of bringing the machine up; its words go to the kernel's log. */
static void setup_step(char *const argv[])
{
	int status, log;
	pid_t pid;

	log = open_log();
	pid = spawn(argv, log, log);
	if (waitpid(pid, &status, 0) != pid || status)
		fail("%s did not succeed, its words are in the log", argv[0]);
	close(log);
}

static char **read_argv(void)
{
	static char buf[1 << 17], *argv[4096];
	size_t len, n = 0;
	FILE *file;
	char *p;

	file = fopen(ARGV_FILE, "re");
	if (!file)
		fail(ARGV_FILE ": %m");
	len = fread(buf, 1, sizeof(buf) - 1, file);
	fclose(file);
	for (p = buf; p < buf + len; p += strlen(p) + 1) {
		if (n == sizeof(argv) / sizeof(argv[0]) - 1)
			fail("too many arguments");
		argv[n++] = p;
	}
	if (!n)
		fail("no command");
	return argv;
}

/* Copy what is there from a pipe to a port; false once it is closed. */
static bool pump(int from, int to)
{
	char buf[1 << 14];
	ssize_t len, done, n;

	len = read(from, buf, sizeof(buf));
	if (len <= 0)
		return len < 0 && (errno == EINTR || errno == EAGAIN);
	for (done = 0; done < len; done += n) {
		n = write(to, buf + done, len - done);
		if (n < 0) {
			if (errno != EINTR)
				fail("writing output: %m");
			n = 0;
		}
	}
	return true;
}

/*
 * The command writes to pipes, not to the ports: a port can be opened only
 * once, and programs may want to open /dev/stdout.
 */
static int run_piped(char **argv)
{
	int ports[2] = { open_port("stdout"), open_port("stderr") };
	int out[2], err[2], status, left = 2, i;
	struct pollfd fds[2];
	bool ended = false;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		fail("pipe: %m");
	pid = spawn(argv, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	fds[0] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = err[0], .events = POLLIN };

	/*
	 * A child that outlives the command may hold the pipes open: once the
	 * command has ended, take what is there and do not wait for more.
	 */
	while (left) {
		int n = poll(fds, 2, ended ? 0 : 50);

		if (n == 0 && ended)
			break;
		for (i = 0; n > 0 && i < 2; i++) {
			if (fds[i].revents && !pump(fds[i].fd, ports[i])) {
				fds[i].fd = -1;
				left--;
			}
		}
		if (!ended && waitpid(pid, &status, WNOHANG) == pid)
			ended = true;
	}
	if (!ended && waitpid(pid, &status, 0) != pid)
		fail("waitpid: %m");
	return status;
}

/* An interactive command has the virtio console as its terminal. */
static int run_on_console(char **argv)
{
	char term[64] = "linux";
	struct winsize size = {};
	int status, fd;
	FILE *file;
	pid_t pid;

	file = fopen(TTY_FILE, "re");
	if (file) {
		if (fscanf(file, "%63s %hu %hu", term, &size.ws_row,
			   &size.ws_col) != 3)
			memset(&size, 0, sizeof(size));
		fclose(file);
	}
	setenv("TERM", term, 1);

	pid = fork();
	if (pid < 0)
		fail("fork: %m");
	if (!pid) {
		setsid();
		fd = open(CONSOLE, O_RDWR);
		if (fd < 0)
			fail(CONSOLE ": %m");
		ioctl(fd, TIOCSCTTY, 1);
		ioctl(fd, TIOCSWINSZ, &size);
		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		if (fd > STDERR_FILENO)
			close(fd);
		execvp(argv[0], argv);
		fail("cannot run %s: %m", argv[0]);
	}
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid: %m");
	return status;
}

/*
 * With kmemleak=on: look for memory that nothing points to any more. It says
 * on the kernel's log how many there are; what they are goes there as well.
 * What was allocated in the last five seconds does not count, nor what RCU and
 * workqueues are about to free: hence the wait, and a look before it, so that
 * what changes meanwhile is known to have.
 */
static void look_for_leaks(void)
{
	int leaks, log, scans;

	leaks = open(KMEMLEAK, O_RDWR | O_CLOEXEC);
	if (leaks < 0)
		return;
	for (scans = 0; scans < 2; scans++) {
		sleep(scans ? 6 : 1);
		/* EPERM: it is there, and off */
		if (write(leaks, "scan", 4) != 4) {
			close(leaks);
			return;
		}
	}
	log = open_log();
	while (pump(leaks, log))
		;
	close(log);
	close(leaks);
}

/*
 * systemd is the first process from now on; a child of it goes on here. What is
 * mounted and set up by then it finds, and leaves.
 */
static void hand_over(void)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork: %m");
	if (!pid)
		return;
	execl(SYSTEMD, SYSTEMD, NULL);
	fail("cannot run " SYSTEMD ": %m");
}

int main(void)
{
	char *const modprobe[] = { "/sbin/modprobe", "igb", NULL };
	char *const net[] = { "/vm/net.sh", NULL };
	struct timespec now;
	char **argv;
	int status;

	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	       1);
	setenv("HOME", "/root", 1);
	setenv("LC_ALL", "C", 1);
	mount_all();
	status_fd = open_port("status");
	setup_step(modprobe);
	setup_step(net);
	argv = read_argv();
	if (!access(SYSTEMD_FILE, F_OK))
		hand_over();
	if (chdir(CWD))
		fail(CWD ": %m");

	clock_gettime(CLOCK_BOOTTIME, &now);
	report("ready %ld.%02ld\n", (long)now.tv_sec, now.tv_nsec / 10000000);
	if (!access(TTY_FILE, F_OK))
		status = run_on_console(argv);
	else
		status = run_piped(argv);
	look_for_leaks();

	if (WIFSIGNALED(status))
		report("signal %d\n", WTERMSIG(status));
	else
		report("exit %d\n", WEXITSTATUS(status));
	power_off();
}
