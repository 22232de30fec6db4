# Paddock. `make run` and `make test` are the two commands; `make help` lists the rest.
# One non-recursive Makefile. Every folder of src/ is one archive; files named *main.c are programs.
# Variants live side by side: build/gcc, build/clang, build/asan, build/torture, build/fuzz.

CC      := gcc
V       := $(if $(findstring clang,$(CC)),clang,gcc)
B       := build/$(V)
GEN     := build/gen
VERSION := $(shell cat VERSION)
DEPS    := tools/deps

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
           -Wwrite-strings -Wpointer-arith -Wundef -Wno-format-truncation -Werror
HARD    := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
OPT     := -O2 -g
CFLAGS  := -std=gnu17 $(OPT) $(WARN) $(HARD) -ffunction-sections -fdata-sections
CPPFLAGS := -D_GNU_SOURCE -Isrc -I$(GEN) -include src/base/banned.h -DPADDOCK_VERSION='"$(VERSION)"' \
            -I/usr/include/libxml2
LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--gc-sections -Wl,--as-needed -Wl,--build-id=sha1

include tools/programs.mk

.PHONY: all run test help deps clean
all: programs
help:
	@sed -n 's/^## *//p' $(MAKEFILE_LIST)

## make            build everything under build/
## make run        install what is missing, build, start, index real documents, search, ask, run code
## make test       install what is missing, build with gcc and clang, run every test (T=name: one)
## make lint       clang-format, clang-tidy, shellcheck, layers
## make fuzz T=x   fuzz one parser until stopped (FUZZ_SECONDS=n)
## make bench      measure beside the peers, write docs/PERFORMANCE.md
## make install    into $(DESTDIR)$(PREFIX); `make uninstall` removes it
