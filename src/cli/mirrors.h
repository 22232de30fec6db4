/* mirrors.h - where this host gets its packages: what a build may reach, and where it looks. */
#pragma once
#include "base/json.h"

/* {debian, security, pip, npm}: URLs, those that are known; a new reference. */
json_t *mirrors_of_host(void);
/* Parts, for the tests. text: of sources.list, or a deb822 file. */
void mirrors_read_apt(json_t *to, const char *text);
/* The value of `key =` in an ini file; "" none. */
void mirrors_read_ini(const char *text, const char *key, char *ret, size_t size);
