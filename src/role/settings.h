/* settings.h - the configuration as a role sees it: name and value, checked by serve. */
#pragma once
#include "base/err.h"

struct settings; /* opaque */

/* From the bytes of SERVE_SETTINGS: name NUL value NUL ... -EPROTO when they do not pair up. */
MUST_CHECK int settings_parse(const char *p, size_t n, struct settings **ret);
void settings_free(struct settings *s); /* NULL is fine */
/* "" when there is none. */
const char *settings_get(const struct settings *s, const char *name);
