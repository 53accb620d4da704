# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Tests of zcrxctl, in the VM: to be sourced. Results are TAP.

export PATH=$PWD:$PATH
count=0 bad=0

# check NAME: a function. What the function says is shown if it fails.
check() { # NAME
	local name=$1 said status=0

	count=$((count + 1))
	said=$(set +e; "$name" 2>&1) || status=$?
	if [ "$status" -eq 0 ]; then
		echo "ok $count $name"
	else
		sed 's/^/# /' <<<"$said"
		echo "not ok $count $name"
		bad=1
	fi
}

plan() { # NAME...
	local name

	echo "1..$#"
	for name; do
		check "$name"
	done
	exit "$bad"
}

# The command, and what it ends with.
ends() { # STATUS COMMAND...
	local want=$1 status=0

	shift
	"$@" || status=$?
	[ "$status" -eq "$want" ] && return
	echo "status $status, not $want: $*"
	return 1
}

# Until the command succeeds; not for ever.
patient() { # COMMAND...
	local end=$((SECONDS + 90))

	until "$@"; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "never: $*"
			return 1
		fi
		sleep 0.1
	done
}

# No queue has a provider: the kernel gives it back soon after the program has ended.
queues_are_free() {
	[ "$(zcrxctl show -j)" = '[]' ]
}

# What the command says has the words.
says() { # REGEX COMMAND...
	local want=$1 said

	shift
	said=$("$@" 2>&1) || :
	grep -qE -- "$want" <<<"$said" && return
	printf 'not "%s": %s says\n%s\n' "$want" "$*" "$said"
	return 1
}

is() { # WANTED FOUND
	[ "$1" = "$2" ] && return
	printf 'wanted:\n%s\nfound:\n%s\n' "$1" "$2"
	return 1
}

# Where setup writes down what there was.
record_of() { # IF
	echo "/run/zcrx/$(stat -Lc %i /proc/self/ns/net)-$(<"/sys/class/net/$1/ifindex")"
}

# As a NIC is before anybody thought of it.
plain_nic() {
	ethtool -X eth0 default
	ethtool -L eth0 combined 1
	tcp-data-split eth0 off
}

# All that setup may change. An interface without rules says so.
state() { # IF
	ethtool -l "$1" | sed -n '/Current/,$p'
	ethtool -x "$1" | sed -n '/indirection/,/hash key/p'
	tcp-data-split "$1"
	ethtool -k "$1" | grep ntuple
	ethtool -n "$1" 2>&1
}
