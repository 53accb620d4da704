# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# Shared by the scripts of this folder and of tests/: where things lie, and
# how to speak to the user. To be sourced by bash, after `set -euo pipefail`.

# What cd says, and which repository git takes, is for no environment to decide.
unset CDPATH GIT_DIR GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_WORK_TREE

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
unset MAKEFLAGS MFLAGS MAKELEVEL
build=$top/build
# A user of Debian has no sbin in PATH, and depmod, for one, is there.
export PATH=$PATH:/usr/sbin:/sbin
# The kernel tree: ours, but where the Makefile names the stock one.
linux=${KERNEL_TREE:-$build/linux}

# The base: Debian's source package of the long-term kernel.
linux_package=linux-source-6.12

# The kernel's top-level folders that the overlay mirrors. Everything else in
# this repository (tools/, tests/, Documentation/, ...) is not laid over the
# kernel, but for the few folders below them that are named here.
overlay_dirs='arch block crypto drivers fs include init io_uring kernel lib mm
	net security Documentation/netlink tools/include'

# Who our packages are by.
deb_name='io_uring zcrx for Linux 6.12'
deb_email=zcrx@packages.invalid
# What making packages takes, and testing them; who is no root needs uidmap for it.
deb_tools='debhelper build-essential procps'
deb_test_tools="$deb_tools lintian mmdebstrap uidmap"

# deb_date: of our packages, in seconds: the revision's, whenever they are built.
deb_date() {
	local date

	date=$(git -C "$top" log -1 --format=%ct -- packages/revision 2>/dev/null || :)
	echo "${date:-$(stat -c %Y "$top/packages/revision")}"
}

# deb_kernel_version: that of the kernel's packages.
deb_kernel_version() {
	printf '%s+zcrx%s\n' "$(cat "$build/linux.version")" "$(cat "$top/packages/revision")"
}

# deb_release: what a package's version ends in, so that the one for a later release is
# newer.
deb_release() (
	. /etc/os-release
	[ "${VERSION_CODENAME:-}" != bookworm ] || echo '~deb12u1'
)

say() {
	printf '==> %s\n' "$*" >&2
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# need_space DIR MIB WHAT: a disk that fills up halfway leaves errors that name
# anything but the disk, so ask beforehand.
need_space() {
	local free

	free=$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }')
	[ "$free" -ge "$2" ] ||
		die "$3 needs $2 MiB, but only $free MiB are free below $1"
}

# run_logged LOG WHAT COMMAND...: keep a long command's output out of the way,
# and say where it is when it fails.
run_logged() {
	local log=$1 what=$2

	shift 2
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 && return
	tail -n 20 "$log" >&2 || :
	die "$what failed; the log is $log$(disk_full_hint "$log")"
}

disk_full_hint() {
	if grep -qs 'No space left on device' "$1"; then
		printf ' (the disk is full)'
	fi
}

# lock NAME: one at a time, until this script ends.
lock() {
	local fd

	mkdir -p "$build"
	exec {fd}>"$build/.lock-$1"
	flock -n "$fd" && return
	say "waiting for another build that uses $1"
	flock "$fd"
}

# unpack_source DEB DIR: Debian's package of the kernel's source, to DIR/tree. Its files
# are dated as of now: what was compiled from another version is older.
unpack_source() {
	mkdir -p "$2/deb" "$2/tree" && dpkg-deb -x "$1" "$2/deb" &&
		tar -C "$2/tree" --touch --strip-components=1 -xJf \
			"$2/deb/usr/src/$linux_package.tar.xz" &&
		rm -rf "$2/deb"
}

# record_source TREE VERSION: keep it as it is, in build/linux.git.
record_source() {
	local git=(git --git-dir="$build/linux.git" --work-tree="$1")

	"${git[@]}" add -A -f &&
		"${git[@]}" -c user.name=build -c user.email=build@localhost \
			-c commit.gpgsign=false commit -q --no-verify \
			--allow-empty -m "$linux_package $2"
}

# The overlay's files, relative to the top, one a line.
overlay_files() (
	local dir dirs=()

	cd "$top" || exit
	for dir in $overlay_dirs; do
		[ ! -d "$dir" ] || dirs+=("$dir")
	done
	[ "${#dirs[@]}" -eq 0 ] ||
		find "${dirs[@]}" -type f ! -name '.*' ! -name '*~' \
			! -name '*.orig' ! -name '*.rej' | LC_ALL=C sort
)
