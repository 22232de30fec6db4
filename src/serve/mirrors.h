/* mirrors.h - where this host gets its packages: what a build may reach, and where it looks, unless
 * the configuration says otherwise (build.mirrors). */
#pragma once
#include "base/buf.h"

#define MIRROR_MAX       512
#define USR_TEXT_MAX     200
#define MIRRORS_TEXT_MAX (4 * MIRROR_MAX + 64)

struct mirrors {
        char debian[MIRROR_MAX], security[MIRROR_MAX], pip[MIRROR_MAX], npm[MIRROR_MAX];
};

/* URLs, those that are known; one with a user or a password is left out. */
void mirrors_of_host(struct mirrors *ret);
/* As build.mirrors is written. */
void mirrors_text(const struct mirrors *m, char *ret, size_t size);
/* Which /usr this host has: another text when packages were installed, removed or upgraded. */
void host_usr_text(char *ret, size_t size);
/* Parts, for the tests. text: of sources.list, or a deb822 file. */
void mirrors_read_apt(struct mirrors *to, const char *text);
/* The value of `key =` in an ini file; "" none. */
void mirrors_read_ini(const char *text, const char *key, char *ret, size_t size);
