# Tests: every tests/unit/test_*.c is a program that prints TAP; tests/cli, tests/fault and
# tests/escape hold scripts that print TAP. tools/run-tests runs them in parallel and counts.

UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst fuzz/%.c,%,$(wildcard fuzz/*.c))
ALL_ARCHIVES = $(call archives,$(ARCHIVES))
FUZZ_SECONDS ?= 3600

$(B)/tests/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(Q)echo "  CC $(patsubst build/%,%,$@)"; $(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) -MMD -MP -c $< -o $@
$(B)/tests/test_seccomp_table.o: $(GEN)/seccomp_table.c
$(B)/tests/test_%: $(B)/tests/test_%.o $(B)/tests/test.o $(ALL_ARCHIVES)
	$(Q)echo "  LD $(patsubst build/%,%,$@)"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/tests/test.o -Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group $(TEST_LIBS) -lm
.PRECIOUS: $(B)/tests/%.o

$(B)/fuzz/%: fuzz/%.c $(ALL_ARCHIVES)
	@mkdir -p $(@D)
	$(Q)echo "  LD $(patsubst build/%,%,$@)"; $(CC) $(CPPFLAGS) -Ifuzz $(CFLAGS) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group $(TEST_LIBS) -lm

# The same targets with a driver that makes every allocation of outside size fail once.
$(B)/torture/%: fuzz/%.c tests/torture/torture.c $(ALL_ARCHIVES)
	@mkdir -p $(@D)
	$(Q)echo "  LD $(patsubst build/%,%,$@)"; $(CC) $(CPPFLAGS) -Ifuzz $(CFLAGS) -o $@ $(filter %.c,$^) -Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group $(TEST_LIBS) -lm

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
.PHONY: soak large unit-programs fuzz-programs torture-programs asan clang torture fuzzers fuzz test lint format
unit-programs: $(UNIT:%=$(B)/tests/%) $(B)/tests/deny $(B)/bench/encoder
fuzz-programs: $(FUZZ:%=$(B)/fuzz/%)
torture-programs: $(FUZZ:%=$(B)/torture/%)

# The variants: the same rules with another compiler or other flags, in a folder of their own.
clang:
	$(MAKE) CC=clang all unit-programs
asan:
	$(MAKE) B=build/asan OPT='-O1 -g $(SANITIZE)' HARD= LDFLAGS_files= LDFLAGS='-Wl,--as-needed' all unit-programs
torture:
	$(MAKE) B=build/torture DEFS=-DPADDOCK_TORTURE OPT='-O1 -g $(SANITIZE)' HARD= LDFLAGS='-Wl,--as-needed' torture-programs
fuzzers:
	$(MAKE) B=build/fuzz CC=clang OPT='-O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link' HARD= LDFLAGS='-Wl,--as-needed' fuzz-programs

fuzz: fuzzers
	mkdir -p build/fuzz/corpus/$(T)
	build/fuzz/fuzz/$(T) -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 build/fuzz/corpus/$(T) fuzz/corpus/$(T)

# Sandboxes without end: alone on the host, for it counts what is the host's.
N ?= 100000
soak: $(B)/tests/test_soak all
	@tools/install-deps test
	SOAK=$(N) $(B)/tests/test_soak
	tests/soak.sh

# Images at their limits: a million files. Minutes, and as many inodes.
large: all
	@tools/install-deps test
	tests/large.sh

test:
	@tools/install-deps test
	@tools/run-tests $(T)
lint:
	@tools/install-deps test
	tools/lint
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# The program that tries to get out: static, so that it runs in any image; test_escape takes it along.
$(B)/tests/escape: $(wildcard tests/escape/*.c) tests/escape/escape.h
	@mkdir -p $(@D)
	gcc -static -O1 -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -o $@ $(filter %.c,$^)
$(B)/tests/test_escape $(B)/tests/test_abuse: $(B)/tests/escape
# Runs a command with one system call refused; tests/fault/hosts.sh.
$(B)/tests/deny: tests/fault/deny.c
	@mkdir -p $(@D)
	$(Q)echo "  CC $(patsubst build/%,%,$@)"; $(CC) -std=gnu17 -O1 -D_GNU_SOURCE -Wall -Wextra -Werror -o $@ $<

# The measuring programs of bench/.
$(B)/bench/%: bench/%.c $(ALL_ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group $(TEST_LIBS) -lm
