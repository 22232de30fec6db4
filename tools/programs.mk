# What is built from what. A program = its main file + the archives it may use + its libraries: the
# table of docs/ARCHITECTURE.md, "Processes". tests/unit/test_roles.c checks it on the running roles.

DIRS   := base conf link os net store role box keep vault gate rag api cli serve
LIBS_ALL := -lmicrohttpd -ljansson -lsqlite3 -lyaml -lxml2 -lcrypto -lm -lpthread

# program: main file | archives, dependents first | libraries
P_paddock := src/cli/main.c     | serve cli role os net link conf base | -ljansson -lyaml
P_keep    := src/keep/main.c    | keep role os net link base     |
P_launch  := src/box/launch_main.c | box role os net link base   |
P_vault   := src/vault/main.c   | vault role os net link base    |
P_gate    := src/gate/main.c    | gate role os net link base     |
P_rag     := src/rag/main.c     | rag store role os net link base | -lsqlite3
P_api     := src/api/main.c     | api store role os net link base | -lmicrohttpd -ljansson -lsqlite3
P_parse   := src/rag/parse_main.c | rag link base                | -lxml2
P_files   := src/box/files_main.c | box link base                |

PROGRAMS := paddock keep launch vault gate rag api parse files
field = $(strip $(word $(2),$(subst |, | ,$(1))))
part  = $(strip $(shell echo '$(P_$(1))' | cut -d'|' -f$(2)))

objs_of = $(patsubst src/%.c,$(B)/%.o,$(filter-out %main.c,$(wildcard src/$(1)/*.c) $(wildcard src/$(1)/*/*.c)))
define ARCHIVE
OBJS_$(1) := $(call objs_of,$(1))
$(B)/lib$(1).a: $$(OBJS_$(1))
	@mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^
endef
$(foreach d,$(DIRS),$(eval $(call ARCHIVE,$(d))))

$(B)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

define PROGRAM
bin_$(1) := $(if $(filter paddock,$(1)),$(B)/bin/paddock,$(B)/libexec/paddock/$(1))
$$(bin_$(1)): $(B)/$(patsubst src/%.c,%.o,$(call part,$(1),1)) $(foreach a,$(call part,$(1),2),$(B)/lib$(a).a)
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS) $(if $(filter files,$(1)),-static-pie) -o $$@ $$< -Wl,--start-group $(foreach a,$(call part,$(1),2),$(B)/lib$(a).a) -Wl,--end-group $(call part,$(1),3) -lm
endef
$(foreach p,$(PROGRAMS),$(eval $(call PROGRAM,$(p))))

.PHONY: programs
programs: $(foreach p,$(PROGRAMS),$(bin_$(p)))
-include $(shell find $(B) -name '*.d' 2>/dev/null)
