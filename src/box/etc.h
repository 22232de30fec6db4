/* etc.h - the /etc of the image "host": of our own making, nothing of the host but the loader's
 * cache and the links of update-alternatives, without which half of /usr/bin leads nowhere. */
#pragma once
#include "base/err.h"

/* Fills an empty directory; *ret_mtime identifies the loader's cache that was copied. */
MUST_CHECK int etc_fill(int dir, int64_t *ret_mtime, struct err *err);
/* True when the host's cache is another now: libraries were installed or removed. */
bool etc_changed(int64_t mtime);
