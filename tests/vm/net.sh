#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The VM's network: eth0, the receiver, stays; eth1, the sender, goes to the
# network namespace `peer`, or is in a VM of its own and has no other beside it.
# Which is which says the MAC address, not the order in which the driver found
# them.
set -e

receiver_mac=52:54:00:00:00:01
sender_mac=52:54:00:00:00:02

name_of() { # MAC
	for dev in /sys/class/net/*; do
		if [ "$(cat "$dev/address")" = "$1" ]; then
			echo "${dev##*/}"
			return
		fi
	done
}

receiver=$(name_of $receiver_mac)
sender=$(name_of $sender_mac)
if [ -z "$receiver$sender" ]; then
	echo "net.sh: no NIC with address $receiver_mac or $sender_mac" >&2
	exit 1
fi

if [ -z "$receiver" ]; then
	[ "$sender" = eth1 ] || ip link set "$sender" name eth1
	ip -batch - <<-END
		link set lo up
		link set eth1 up
		addr add 10.0.0.2/24 dev eth1
		addr add fd00::2/64 dev eth1 nodad
	END
	exit 0
fi

if [ -n "$sender" ] && [ "$receiver" != eth0 ]; then
	ip link set "$sender" name sender
	ip link set "$receiver" name eth0
	ip link set sender name eth1
fi

# Before the link is up, so that it trains but once.
ethtool -L eth0 combined 2
tcp-data-split eth0 on ||
	echo "net.sh: going on without header split" >&2

if [ -n "$sender" ]; then
	ip netns add peer
	ip link set eth1 netns peer
	ip -n peer -batch - <<-END
		link set lo up
		link set eth1 up
		addr add 10.0.0.2/24 dev eth1
		addr add fd00::2/64 dev eth1 nodad
	END
fi
ip -batch - <<-END
	link set lo up
	link set eth0 up
	addr add 10.0.0.1/24 dev eth0
	addr add fd00::1/64 dev eth0 nodad
END

# Queue 1 takes all TCP, and may be bound to zero-copy receive: queue 0 has to
# stay for everything else. igb forgets this when the number of queues changes.
ethtool -X eth0 start 1 equal 1

# Both links have to train before the first packet gets through; a peer in a VM
# of its own has to boot.
tries=300
until ping -q -c 1 -W 1 10.0.0.2 >/dev/null 2>&1; do
	tries=$((tries - 1))
	if [ $tries = 0 ]; then
		echo "net.sh: eth0 and eth1 do not reach each other" >&2
		exit 1
	fi
	sleep 0.1
done
