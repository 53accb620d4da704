# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What a header of the user interface names, for those who compare two of them.
# To be sourced by bash.

# names HEADER: what can be asked of a C compiler: constants, sizes and
# offsets, one expression a line. What later versions take their new
# operations and fields from may differ: the last number, and the padding.
names() {
	awk '
	/^#define[ \t]+[A-Z_0-9]+[ \t]+[^ \t"]/ { print $2 }
	/^enum/ { in_enum = 1 }
	in_enum && /^\t[A-Z_0-9]+([ \t]*=.*)?,?/ { sub(/[,=].*/, "", $1); print $1 }
	/^struct [a-z_0-9]+ \{/ {
		type = $1 " " $2
		print "sizeof(" type ")"
	}
	type && /;/ {
		member = $0
		sub(/;.*/, "", member)
		sub(/\[.*/, "", member)
		sub(/.*[ \t*]/, "", member)
		if (member ~ /^[a-z_0-9]+$/ && member !~ /^_*(resv|pad)/)
			print "offsetof(" type ", " member ")"
	}
	/^}/ { type = ""; in_enum = 0 }' "$1" |
		grep -vE '_LAST$|^(__|NETDEV_).*_MAX$' | LC_ALL=C sort -u
}

# values HEADER INCLUDES OUT: "NAME = VALUE" as that header has it, for the
# names on stdin. OUT is a file for the program that tells.
values() {
	{
		printf '#include <%s>\n' stdio.h stddef.h linux/time_types.h
		printf '#include "%s"\nint main(void)\n{\n' "$1"
		sed 's/.*/\tprintf("%s = %#llx\\n", "&",\n\t       (unsigned long long)(&));/'
		printf '}\n'
	} >"$3.c"
	gcc -Wall -Werror -isystem "$2" -o "$3" "$3.c" && "$3"
}
