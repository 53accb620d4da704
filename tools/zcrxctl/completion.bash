# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion of zcrxctl's command line, for bash: to be installed as
# /usr/share/bash-completion/completions/zcrxctl, or to be sourced. It needs nobody's
# helper functions and no root. ZCRXCTL_SYS_NET may name another folder to look for
# interfaces in than /sys/class/net.

# Those that follow put what they find into `words` of _zcrxctl().

_zcrxctl_options() { # COMMAND
	case $1 in
	check)
		words=(--queue --area --try --json) ;;
	setup)
		words=(--queue --port --try --dry-run --json) ;;
	restore)
		words=(--dry-run --json) ;;
	size)
		words=(--queue --rate --latency --connections --rx-buf-len --json) ;;
	show)
		words=(--json) ;;
	stat)
		words=(--watch --count --json) ;;
	esac
}

_zcrxctl_interfaces() {
	mapfile -t words < <(compgen -d -- "${ZCRXCTL_SYS_NET:-/sys/class/net}/")
	words=("${words[@]##*/}")
}

# Not 0, which no program can have.
_zcrxctl_queues() { # INTERFACE
	local path

	while read -r path; do
		[ "${path##*/}" = rx-0 ] || words+=("${path##*/rx-}")
	done < <(compgen -d -- "${ZCRXCTL_SYS_NET:-/sys/class/net}/$1/queues/rx-")
}

# What is behind this option is its argument.
_zcrxctl_takes() { # OPTION
	case $1 in
	-q | -p | -a | -r | -l | -c | -b | --queue | --port | --area | --rate | \
		--latency | --connections | --rx-buf-len | --count)
		return 0 ;;
	esac
	return 1
}

# Sets `interface` to that of the command line; the word to be completed is none.
_zcrxctl_find_interface() {
	local i word before

	for ((i = 2; i < ${#COMP_WORDS[@]}; i++)); do
		word=${COMP_WORDS[i]} before=${COMP_WORDS[i - 1]}
		[ "$i" -ne "$COMP_CWORD" ] || continue
		# bash makes words of the = in --queue=1 and the @ in --port 80@1
		case $word in
		'' | -* | = | @)
			continue ;;
		esac
		case $before in
		= | @)
			continue ;;
		-w | --watch)
			[[ $word != [0-9]* ]] || continue ;;
		esac
		_zcrxctl_takes "$before" && continue
		interface=$word
		return
	done
}

_zcrxctl() {
	local IFS=$' \t\n' words=() interface='' list='' i=$COMP_CWORD cur before word

	COMPREPLY=()
	cur=${COMP_WORDS[i]} before=${COMP_WORDS[i - 1]}
	if [ "$cur" = = ]; then
		cur=
	elif [ "$before" = = ]; then
		before=${COMP_WORDS[i - 2]}
	fi
	_zcrxctl_find_interface

	if [ "$i" -eq 1 ]; then
		words=(check setup restore size show stat)
		[[ $cur != -* ]] || words=(--help --version)
	elif [ "$before" = -q ] || [ "$before" = --queue ]; then
		# the last of 1,2,3
		list=${cur%"${cur##*,}"} cur=${cur##*,}
		[ -z "$interface" ] || _zcrxctl_queues "$interface"
	elif _zcrxctl_takes "$before" || [ "$cur" = @ ] || [ "$before" = @ ]; then
		return
	else
		_zcrxctl_options "${COMP_WORDS[1]}"
		# where there are no options there is no command
		[[ $cur == -* ]] || [ -n "$interface" ] ||
			[ "${#words[@]}" -eq 0 ] || _zcrxctl_interfaces
	fi

	for word in "${words[@]}"; do
		[[ $word == "$cur"* ]] || continue
		printf -v word '%s%q' "$list" "$word"
		COMPREPLY+=("$word")
	done
}

complete -F _zcrxctl zcrxctl
