# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The user interface's headers of the newest kernel that Debian 13 has: its
# package linux-libc-dev of the backports suite, unpacked, not installed. To be
# sourced by bash, after scripts/lib.sh.

package=linux-libc-dev
upstream=$build/upstream

# What apt would download; without a network, of the lists that it has.
newest() {
	"$top/scripts/apt" backports --print-uris download \
		"$package/trixie-backports" | awk '{ print $2 }'
}

# Leaves the newest package in $upstream/root, and its version in
# $upstream/version.
fetch() {
	local deb

	lock upstream
	mkdir -p "$upstream" "$build/log"
	deb=$(newest) && [ -n "$deb" ] ||
		die "Debian 13's backports have no $package that apt can see"
	if [ ! -e "$upstream/$deb" ]; then
		rm -rf "$upstream/tmp" && mkdir "$upstream/tmp"
		(cd "$upstream/tmp" && run_logged "$build/log/fetch-upstream.log" \
			"fetching $package" "$top/scripts/apt" backports \
			download "$package/trixie-backports") || exit
		rm -f "$upstream"/*.deb "$upstream/version"
		mv "$upstream/tmp/$deb" "$upstream/"
	fi
	if [ ! -e "$upstream/version" ]; then
		rm -rf "$upstream/root"
		dpkg-deb -x "$upstream/$deb" "$upstream/root" &&
			dpkg-deb -f "$upstream/$deb" Version \
				>"$upstream/version.new" || die "unpacking $deb failed"
		mv "$upstream/version.new" "$upstream/version"
	fi
}

# Where its headers are. They go before those of the machine: what the C
# library includes of the kernel's comes from there, too.
includes=("$upstream/root/usr/include"
	"$upstream/root/usr/include/x86_64-linux-gnu")
