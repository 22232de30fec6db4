# Paddock. `make run` and `make test` are the two commands; `make help` lists the rest.
# One non-recursive Makefile: tools/programs.mk says what is built from what, tools/tests.mk how it is
# tested. Variants live side by side: build/gcc, build/clang, build/asan, build/fuzz.

CC       := gcc
B        := build/$(if $(findstring clang,$(CC)),clang,gcc)
GEN      := build/gen
VERSION  := $(shell cat VERSION)
PREFIX   := /usr/local
DESTDIR  :=
# make Q= shows the commands
Q        := @

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
            -Wwrite-strings -Wpointer-arith -Wundef -Wno-unknown-warning-option -Wno-unused-command-line-argument -Wno-format-truncation -Werror
HARD     := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
OPT      := -O2 -g
CFLAGS    = -std=gnu17 $(OPT) $(WARN) $(HARD) -ffunction-sections -fdata-sections -pthread
CPPFLAGS  = -D_GNU_SOURCE $(DEFS) -Isrc -I$(GEN) -isystem /usr/include/libxml2 -include src/base/banned.h \
            -DPADDOCK_VERSION='"$(VERSION)"'
LDFLAGS  := -pie -Wl,-z,relro,-z,now,--gc-sections,--as-needed,--build-id=sha1

.PHONY: all help deps run man install uninstall clean
all: programs

## make            build everything under build/
## make run        install what is missing, build, start, index real documents, search, ask, run code
## make test       install what is missing, build with gcc and clang, run every test (T=name: those)
## make lint       formatting, static checks, shell scripts, layers
## make fuzz T=x   fuzz one parser (FUZZ_SECONDS=n); fuzz/ lists them
## make bench      measure beside the peers and write docs/PERFORMANCE.md
## make man        manual pages and shell completion into build/man
## make install    into $(DESTDIR)$(PREFIX); make uninstall removes it
help:
	@sed -n 's/^## //p' Makefile

include tools/programs.mk
include tools/tests.mk

deps:
	@tools/install-deps
run: deps
	@$(MAKE) -j$$(nproc) --no-print-directory -s all
	@tools/run-demo
man: programs
	tools/make-man $(B)/bin/paddock build/man
bench: deps
	$(MAKE) -j$$(nproc) all
	bench/run
clean:
	rm -rf build
