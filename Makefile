# SPDX-License-Identifier: GPL-2.0
#
# The only entry. Everything that is built lies below build/. The scripts that
# do the work, one step each, are in scripts/ and tests/vm/; each of them does
# nothing when there is nothing to do.

# Neither make nor the kernel's build takes such a name, and what they take it for may be
# somebody else's.
ifneq ($(words $(subst :, ,$(CURDIR))),1)
$(error $(CURDIR): move it to a folder without spaces and colons in its name)
endif

B := build
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help:
	@echo 'make run       build everything, and show the demo in a VM'
	@echo 'make check     build everything, and run all tests; with FULL=1'
	@echo "               also liburing's own suite, comparisons with the stock"
	@echo '               kernel, and more on a debug kernel'
	@echo 'make kernel    build the kernel with the overlay, and the VM image'
	@echo 'make deb       packages to install: the kernel with the configuration of'
	@echo "               Debian's, which takes hours and goes on where it was,"
	@echo '               liburing, zcrx-tools; in build/deb'
	@echo "make deb-vm    the same with the VM's kernel, to build/deb-vm, in minutes"
	@echo "make update    take Debian's newest source of the kernel"
	@echo 'make mutants   plant bugs, one at a time, and see the tests notice;'
	@echo "               MUTANTS='PATTERN...' for some of them; 3 hours, in one run"
	@echo '               or several'
	@echo 'make soak SECONDS=N  races, hostile input and faults for so long, on'
	@echo '               both kernels; adds to build/soak.log, prints the sums'
	@echo 'make bench     measure what a received byte costs, in instructions;'
	@echo '               with WALL=1 in time and cycles'
	@echo 'make bench-check  whether it became more'
	@echo 'make bench-profile  which functions it is that cost'
	@echo 'make bench-registration  what it costs to register an area'
	@echo 'make bench-scale  whether the size of the area or connections matter'
	@echo 'make bench-contention  whether two queues wait for each other'
	@echo 'make shell     a prompt in a VM'
	@echo 'make tutorial  the same with the packages installed, for the steps of'
	@echo "               the tutorial; VM_OPTIONS='--copy FILE' brings a file along"
	@echo "make vm RUN='COMMAND'  a command in a VM (see tests/vm/run --help;"
	@echo '               its options go into VM_OPTIONS)'
	@echo 'make refresh   save what was edited in build/linux as patches'
	@echo 'make lint      checkpatch and sparse on what is ours'
	@echo 'make clean     remove build/'

# One after the other, each from the state that the one before left.
.PHONY: host source overlay
host:
	@scripts/host-tools
source: host
	@scripts/unpack-kernel
overlay: source
	@scripts/overlay

#
# The kernels: base for all but the debug stages of the tests, stock to compare
# with.
#
config-base := tests/vm/kernel-base.config
config-debug := $(config-base) tests/vm/kernel-debug.config
config-kcsan := $(config-base) tests/vm/kernel-kcsan.config
config-lockstat := $(config-base) tests/vm/kernel-lockstat.config
config-stock := $(config-base) tests/vm/kernel-stock.config

.PHONY: kernel kernel-base kernel-debug kernel-kcsan kernel-lockstat kernel-stock
kernel: kernel-base $(B)/vm/base.cpio
kernel-base kernel-debug kernel-kcsan kernel-lockstat: kernel-%: overlay
	@scripts/kernel-config $(CURDIR)/$(B)/$@ $(config-$*)
	@scripts/kernel-build $(CURDIR)/$(B)/$@
kernel-stock: source
	@scripts/stock-tree
	@export KERNEL_TREE=$(CURDIR)/$(B)/linux-stock; \
		scripts/kernel-config $(CURDIR)/$(B)/$@ $(config-stock) && \
		scripts/kernel-build $(CURDIR)/$(B)/$@

#
# User space, all of it static but zcrxctl: liburing with our series, programs of
# tools/, of tests/selftests/, of tests/debug/, of tests/device/, of tests/compare/ and of
# bench/. A folder lib beside the programs holds what they share. tests/fuzz/,
# tests/races/ and tests/late/ are one program each.
#
CFLAGS := -O2 -g -Wall -Wextra -Werror
CPPFLAGS := -D_GNU_SOURCE -I$(B)/liburing/src/include \
	-isystem $(B)/headers/include
TEST_CPPFLAGS := $(CPPFLAGS) -Itools/lib \
	-isystem $(B)/linux/tools/testing/selftests -Itests/selftests
LDLIBS := $(B)/liburing/src/liburing-zcrx.a $(B)/liburing/src/liburing.a -pthread

tools := $(patsubst tools/%.c,$(B)/tools/%,$(wildcard tools/*.c))
zcrxctl-obj := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tools/zcrxctl/*.c))
tests := $(patsubst tests/selftests/%.c,$(B)/tests/%, \
	$(wildcard tests/selftests/*.c))
debug-tests := $(patsubst tests/debug/%.c,$(B)/debug/%, \
	$(wildcard tests/debug/*.c))
device-tests := $(patsubst tests/device/%.c,$(B)/device/%, \
	$(wildcard tests/device/*.c))
device-lib := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/device/lib/*.c))
fuzz-obj := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/fuzz/*.c))
races-obj := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/races/*.c))
compare := $(patsubst tests/compare/%.c,$(B)/compare/%, \
	$(wildcard tests/compare/*.c))
tool-lib := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tools/lib/*.c))
test-lib := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/selftests/lib/*.c))
debug-lib := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/debug/lib/*.c))
late-obj := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/late/*.c))
compare-lib := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/compare/lib/*.c))
benches := $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/*.c))
bench-lib := $(patsubst %.c,$(B)/obj/%.o,$(wildcard bench/lib/*.c))

.PHONY: liburing headers userland
liburing: host
	@scripts/liburing
headers: overlay
	@scripts/kernel-headers $(CURDIR)/$(B)/headers
userland: liburing headers
	@$(MAKE) $(tools) $(B)/tools/zcrxctl $(tests) $(debug-tests) $(device-tests) \
		$(B)/zcrxctl/kill_at $(B)/fuzz/fuzz $(B)/races/races $(B)/late/late $(compare) \
		$(benches) $(B)/bench/blocks.so

$(B)/obj/tools/%.o: tools/%.c $(B)/liburing.series $(B)/headers/stamp
	@mkdir -p $(@D)
	@echo '  CC   $@'
	@gcc $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<
$(B)/obj/tests/%.o: tests/%.c $(B)/liburing.series $(B)/headers/stamp
	@mkdir -p $(@D)
	@echo '  CC   $@'
	@gcc $(CFLAGS) $(TEST_CPPFLAGS) -MMD -MP -c -o $@ $<
$(tools): $(B)/tools/%: $(B)/obj/tools/%.o $(tool-lib)
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static -o $@ $^ $(LDLIBS)
# libmnl has no archive.
$(B)/tools/zcrxctl: $(zcrxctl-obj) $(tool-lib)
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -o $@ $^ $(LDLIBS) -lmnl -lm
$(tests): $(B)/tests/%: $(B)/obj/tests/selftests/%.o $(test-lib) $(tool-lib)
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static -o $@ $^ $(LDLIBS)
$(debug-tests): $(B)/debug/%: $(B)/obj/tests/debug/%.o $(debug-lib) \
		$(test-lib) $(tool-lib)
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static -o $@ $^ $(LDLIBS)
$(device-tests): $(B)/device/%: $(B)/obj/tests/device/%.o $(device-lib) \
		$(test-lib) $(tool-lib)
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static -o $@ $^ $(LDLIBS)
$(B)/zcrxctl/kill_at: $(B)/obj/tests/zcrxctl/kill_at.o
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static -o $@ $^
$(B)/fuzz/fuzz: $(fuzz-obj) $(test-lib) $(tool-lib)
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static -o $@ $^ $(LDLIBS)
$(B)/late/late: $(late-obj) $(test-lib) $(tool-lib)
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static -o $@ $^ $(LDLIBS)
$(B)/races/races: $(races-obj) $(test-lib) $(tool-lib)
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static -o $@ $^ $(LDLIBS)
$(compare): $(B)/compare/%: $(B)/obj/tests/compare/%.o $(compare-lib) \
		$(test-lib) $(tool-lib)
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static -o $@ $^ $(LDLIBS)
$(B)/obj/bench/%.o: bench/%.c $(B)/liburing.series $(B)/headers/stamp
	@mkdir -p $(@D)
	@echo '  CC   $@'
	@gcc $(CFLAGS) $(TEST_CPPFLAGS) -Ibench/lib -MMD -MP -c -o $@ $<
$(benches): $(B)/bench/%: $(B)/obj/bench/%.o $(bench-lib) $(test-lib) \
		$(tool-lib)
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static -o $@ $^ $(LDLIBS)
$(B)/bench/blocks.so: bench/plugin/blocks.c bench/plugin/qemu.h bench/lib/mark.h
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc $(CFLAGS) -Wno-unused-parameter -fPIC -fvisibility=hidden -shared \
		-Ibench/lib -o $@ $<
.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

#
# The VM's image
#
vm-bin := $(B)/vm/bin/init $(B)/vm/bin/tcp-data-split

$(vm-bin): $(B)/vm/bin/%: tests/vm/%.c | host
	@mkdir -p $(@D)
	@echo '  LINK $@'
	@gcc -static $(CFLAGS) -o $@ $<
$(B)/vm/packages.cpio: tests/vm/image | host
	@tests/vm/image $@ busybox-static dash bash iproute2 ethtool
$(B)/vm/base.cpio: $(B)/vm/packages.cpio $(vm-bin) tests/vm/net.sh \
		tests/vm/nic-set-up tests/vm/base-image
	@tests/vm/base-image $@ $(B)/vm/packages.cpio $(B)/vm/bin

#
# Packages, in build/deb
#
.PHONY: deb deb-vm deb-user
deb-user: liburing headers
	@scripts/deb-liburing
	@scripts/deb-tools
deb: deb-user overlay
	@scripts/debian-config $(CURDIR)/$(B)/kernel-deb
	@scripts/deb-kernel $(CURDIR)/$(B)/kernel-deb $(CURDIR)/$(B)/deb
deb-vm: deb-user kernel-base
	@scripts/deb-kernel $(CURDIR)/$(B)/kernel-base $(CURDIR)/$(B)/deb-vm

.PHONY: mutants mutants-check
mutants: kernel kernel-debug userland
	@tests/mutants/run $(MUTANTS)
mutants-check: kernel kernel-debug
	@tests/mutants/run --check $(MUTANTS)

.PHONY: soak
soak: kernel kernel-debug userland
	@tests/soak/run $(or $(SECONDS),$(error how long? make soak SECONDS=N))

.PHONY: vm shell tutorial run
vm: kernel
	@tests/vm/run $(VM_OPTIONS) -- $(if $(RUN),$(RUN),$(error RUN is empty))
shell: kernel
	@tests/vm/run $(VM_OPTIONS) --timeout 86400 --tty -- bash -l
tutorial: kernel deb-vm
	@tests/packages/run --shell $(VM_OPTIONS)
run: kernel userland
	@tests/vm/run --copy $(B)/tools/zcrx-demo -- ./zcrx-demo --mtu 9000

#
# What a received byte costs: a table, and in build/bench CSV and a plot
#
.PHONY: bench bench-check bench-profile bench-registration bench-scale
.PHONY: bench-contention
bench: kernel userland
	@scripts/host-tools gnuplot-nox
	@bench/run $(if $(WALL),--wall) $(or $(ROUNDS),5) $(MIB)
bench-check: kernel userland
	@bench/check
bench-profile: kernel userland
	@bench/profile $(or $(MTU),1500) $(MIB)
bench-registration: kernel userland
	@bench/registration $(SIZES)
bench-scale: kernel userland
	@bench/scale
bench-contention: kernel kernel-lockstat userland
	@bench/contention

#
# Development
#
.PHONY: check lint refresh update clean
check:
	@tests/check
lint: source
	@scripts/lint
refresh: source
	@scripts/refresh
update: source
	@scripts/update
clean:
	rm -rf $(B)
