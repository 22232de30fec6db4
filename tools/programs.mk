# What is built from what: a program = its main file, the archives it may use and its libraries: the
# table of docs/ARCHITECTURE.md, "Processes". tests/unit/test_roles.c checks it on the running roles.

ARCHIVES := base conf link os net store role box keep vault gate rag api cli serve

# program: main file | archives, dependents first | libraries
P_paddock := src/cli/main.c         | serve cli role os net link conf base | -ljansson -lyaml
P_keep    := src/keep/main.c        | keep role os net link base           |
P_launch  := src/box/launch_main.c  | box role os net link base            |
P_vault   := src/vault/main.c       | vault role os net link base          | -lcares -lsodium -lssl -lcrypto
P_gate    := src/gate/main.c        | gate role os net link base           |
P_rag     := src/rag/main.c         | rag store role os net link base      | -lxxhash -lstemmer -lutf8proc
P_api     := src/api/main.c         | api store role os net link base      | -lmicrohttpd -lwslay -ljansson -lsqlite3 -lssl -lcrypto
P_parse   := src/rag/parse_main.c   | rag link base                        | -lxml2 -larchive -ljansson -lutf8proc
P_files   := src/box/files_main.c   | box link base                        | -larchive -lzstd -llzma -lbz2 -lz -lnettle -lacl
P_unpack  := src/box/unpack_main.c  | box os base                          | -larchive -lzstd -llzma -lbz2 -lz -lnettle -lacl
P_remote  := src/cli/remote_main.c  | net os link base                     | -lssl -lcrypto
P_runsc   := src/box/runsc_main.c   | base                                 | -ljansson
PROGRAMS  := paddock remote keep launch vault gate rag api parse files unpack runsc
# Test programs may use everything.
TEST_LIBS := -lhttp_parser -lsodium -lssl -lcrypto -lcares -lmicrohttpd -lwslay -ljansson -lsqlite3 -lyaml -lxml2 -larchive -lxxhash -lstemmer -lutf8proc

# One id for all programs of a build; the generated file changes only when a source does.
BUILD_ID := $(shell cat VERSION $$(find src -name '*.[ch]' -o -name '*.policy' | LC_ALL=C sort) | sha256sum | cut -c1-64)
$(shell mkdir -p $(GEN); echo '#define PADDOCK_BUILD_ID "$(BUILD_ID)"' | cmp -s - $(GEN)/build_id.h || \
  echo '#define PADDOCK_BUILD_ID "$(BUILD_ID)"' > $(GEN)/build_id.h)

part = $(strip $(shell echo '$(P_$(1))' | cut -d'|' -f$(2)))
archives = $(patsubst %,$(B)/lib%.a,$(filter $(notdir $(wildcard src/*)),$(1)))

$(B)/%.o: src/%.c
	@mkdir -p $(@D)
	$(Q)echo "  CC $(patsubst build/%,%,$@)"; $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

define ARCHIVE
OBJS_$(1) := $(patsubst src/%.c,$(B)/%.o,$(filter-out %main.c,$(wildcard src/$(1)/*.c src/$(1)/*/*.c)))
$(B)/lib$(1).a: $$(OBJS_$(1))
	@mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^
endef
$(foreach a,$(ARCHIVES),$(eval $(call ARCHIVE,$(a))))

define PROGRAM
bin_$(1) := $(if $(filter paddock,$(1)),$(B)/bin/paddock,$(B)/libexec/paddock/$(1))
$$(bin_$(1)): $(patsubst src/%.c,$(B)/%.o,$(call part,$(1),1)) $(call archives,$(call part,$(1),2))
	@mkdir -p $$(@D)
	$(Q)echo "  LD $$(patsubst build/%,%,$$@)"; $(CC) $(CFLAGS) $(LDFLAGS) $$(LDFLAGS_$(1)) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(call part,$(1),3) -lm
endef
$(foreach p,$(PROGRAMS),$(eval $(call PROGRAM,$(p))))
LDFLAGS_files := -static-pie -Wno-unused-command-line-argument
LDFLAGS_unpack = $(LDFLAGS_files)

WARM := $(addprefix $(B)/libexec/paddock/warm/,libwarm.so python.py) $(B)/libexec/paddock/model-fetch
.PHONY: programs
programs: $(foreach p,$(PROGRAMS),$(bin_$(p))) $(WARM)
-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- the part of a template's interpreter that is ours: linked with nothing (box/warm/warm_main.c)
$(B)/libexec/paddock/warm/libwarm.so: src/box/warm/warm_main.c src/box/warm/messages.h
	@mkdir -p $(@D)
	$(Q)echo "  LD $(patsubst build/%,%,$@)"; gcc -std=gnu17 $(WARN) $(CPPFLAGS) -O2 -U_FORTIFY_SOURCE -fPIC -shared \
	  -fno-stack-protector -nostdlib -fvisibility=hidden -Wl,-z,noexecstack,-z,relro,-s -o $@ $<
$(B)/libexec/paddock/warm/%.py: src/box/warm/%.py
	@mkdir -p $(@D)
	@cp $< $@
$(B)/libexec/paddock/model-fetch: src/cli/model-fetch
	@mkdir -p $(@D)
	@cp $< $@

# --- system-call filters: policies are text, compiled at build time (os/seccomp.h)
SECCOMP_FILTERS := sandbox sandbox-proxy template build build-proxy runsc role-keep role-launch role-vault role-gate role-api role-rag
$(GEN)/seccomp-compile: tools/seccomp-compile.c
	@mkdir -p $(@D)
	$(Q)echo "  LD $(patsubst build/%,%,$@)"; $(CC) -std=gnu17 -D_GNU_SOURCE -O1 -Wall -Wextra -Wshadow -Werror $< -o $@ -lseccomp -lcrypto
$(GEN)/seccomp_table.c: $(GEN)/seccomp-compile $(wildcard src/os/seccomp/*.policy)
	$< $@ src/os/seccomp $(SECCOMP_FILTERS)
$(B)/gen/seccomp_table.o: $(GEN)/seccomp_table.c
	@mkdir -p $(@D)
	$(Q)echo "  CC $(patsubst build/%,%,$@)"; $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@
$(B)/libos.a: $(B)/gen/seccomp_table.o

# --- init: pid 1 of every sandbox, static (musl), embedded in launch (box/host.c)
INIT_SOURCES := $(addprefix src/box/,init_main.c init_execs.c init_exec.c init_run.c init_send.c command.c) src/os/landlock.c $(addprefix src/link/,init.c link.c wire.c) \
                $(addprefix src/base/,build.c buf.c clock.c err.c fd.c id.c mem.c)
$(GEN)/init: $(INIT_SOURCES) $(wildcard src/base/*.h src/link/*.h src/box/*.h src/os/*.h) $(GEN)/build_id.h
	musl-gcc -static -s -Os -std=gnu17 $(WARN) $(CPPFLAGS) -idirafter /usr/include \
	  -idirafter /usr/include/$(shell gcc -dumpmachine) -ffunction-sections -fdata-sections \
	  -Wl,--gc-sections,-z,noexecstack -o $@ $(INIT_SOURCES)
$(B)/gen/init_image.o: $(GEN)/init
	@mkdir -p $(@D)
	cd $(GEN) && ld -r -b binary -z noexecstack -o $(abspath $@) init
$(B)/libbox.a: $(B)/gen/init_image.o

# --- the encoder's kernels: each file for its own instructions, chosen at run time (rag/embed/kernel.c)
AVX512 := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c
$(B)/rag/embed/%.o: CFLAGS += -O3
ifneq ($(filter x86_64-%,$(shell $(CC) -dumpmachine)),)
$(B)/rag/embed/kernel_avx2.o: CFLAGS += -mavx2 -mfma -mf16c
$(B)/rag/embed/kernel_avx512.o: CFLAGS += $(AVX512)
$(B)/rag/embed/kernel_vnni.o $(B)/rag/embed/kernel_vnni_i16.o: CFLAGS += $(AVX512) -mavx512vnni
$(B)/rag/embed/kernel_bf16.o: CFLAGS += $(AVX512) -mavx512bf16
endif
