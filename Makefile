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
## make torture    build the same targets so that every allocation fails once
## make soak N=x make and end x sandboxes, 500 at once, stress inside; nothing may grow
## make large      images at their limits: a million files
## make asan       build everything under ASan+UBSan into build/asan; make clang: with clang
## make format     clang-format on every source
## make bench      measure beside the peers and write docs/PERFORMANCE.md
## make man        manual pages and shell completion into build/
## make install    into $(DESTDIR)$(PREFIX); make uninstall removes that, no state
help:
	@sed -n 's/^## //p' Makefile

include tools/programs.mk
include tools/tests.mk

run:
	@tools/install-deps run
	@$(MAKE) -j$$(nproc) --no-print-directory -s all
	@tools/run-demo
bench:
	@tools/install-deps bench
	@$(MAKE) -j$$(nproc) --no-print-directory -s all
	bench/run

man: all
	tools/install-docs $(B)/bin/paddock build

# The programs, the manual, the example configuration, the unit and the completion.
SHARE = $(DESTDIR)$(PREFIX)/share
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/paddock $(SHARE)/doc/paddock/docs \
	  $(DESTDIR)/etc/paddock \
	  $(DESTDIR)/etc/systemd/system
	install -m 755 $(B)/bin/paddock $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(B)/libexec/paddock/* $(DESTDIR)$(PREFIX)/libexec/paddock
	install -m 644 README.md CHANGES.md SECURITY.md LICENSE $(SHARE)/doc/paddock
	install -m 644 docs/*.md $(SHARE)/doc/paddock/docs
	install -m 644 etc/paddock.yaml $(DESTDIR)/etc/paddock/paddock.yaml.example
	sed 's|/usr/local|$(PREFIX)|' etc/paddock.service > $(DESTDIR)/etc/systemd/system/paddock.service
	tools/install-docs $(B)/bin/paddock $(SHARE)
uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/bin/paddock $(DESTDIR)$(PREFIX)/libexec/paddock $(SHARE)/doc/paddock \
	  $(SHARE)/man/man1/paddock*.1 \
	  $(SHARE)/bash-completion/completions/paddock $(DESTDIR)/etc/systemd/system/paddock.service \
	  $(DESTDIR)/etc/paddock/paddock.yaml.example
clean:
	rm -rf build
