# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What bench/plugin/blocks.c wants to know of the kernel. To be sourced after
# scripts/lib.sh.

# A failure within $() is one outside as well.
shopt -s inherit_errexit

plugin_kernel=$build/kernel-base

# Where a function of the kernel's begins.
entry() { # FUNCTION
	awk -v name="$1" '
	$3 == name { print "0x" $1; found = 1 }
	END { exit !found }' "$plugin_kernel/System.map" ||
		die "the kernel has no $1()"
}

disassemble() { # FUNCTION
	objdump -d --no-show-raw-insn --disassemble="$1" \
		"$plugin_kernel/vmlinux"
}

# Where it goes on once the callee has returned.
return_from() { # CALLEE CALLER
	disassemble "$2" | awk -v callee="<$1>" '
		called && !found { sub(/:/, "", $1); print "0x" $1; found = 1 }
		index($0, "call") && index($0, callee) { called = 1 }
		END { exit !found }' || die "$2() does not call $1()"
}

# Where it returns, if that is in one place.
return_of() { # FUNCTION
	disassemble "$1" | awk '
		$2 == "ret" { sub(/:/, "", $1); print "0x" $1; n++ }
		END { exit n != 1 }' || die "$1() does not return in one place"
}

# The options that make it tell contexts apart. Interrupts begin and end in
# these whatever raised them; softirqs run at their end, or by themselves.
contexts() {
	local from to stop go softirq softirq_end

	from=$(entry irq_enter_rcu)
	to=$(entry irqentry_exit)
	softirq=$(entry handle_softirqs)
	softirq_end=$(return_of handle_softirqs)
	stop=$(entry do_idle)
	go=$(entry schedule_idle)
	printf ',enter=%s,leave=%s,enter=%s,leave=%s,idle=%s,wake=%s' \
		"$from" "$to" "$softirq" "$softirq_end" "$stop" "$go"
}
