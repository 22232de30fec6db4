/* charset.h - bytes of an unknown encoding to clean UTF-8. */
#pragma once
#include "link/wire.h"

/* The text as UTF-8: by its byte order mark (UTF-8, -16, -32), else UTF-16 when every other byte is
 * zero, else UTF-8 when it is valid, else Windows-1252. *ret points into `in` where nothing had to
 * be converted, else into space. -ENOMEM, -E2BIG (space). */
MUST_CHECK int charset_to_utf8(struct slice in, struct buf *space, struct slice *ret);
/* True for what is no text: NUL bytes or many control characters in the first part. */
bool charset_is_binary(struct slice in);
/* Appends the text: bad bytes become U+FFFD; control characters, soft hyphens, zero-width and
 * direction marks are dropped; typographic ligatures are opened. With `lines` line ends and runs
 * of blanks are kept, else every run of white space becomes one blank; both ends are trimmed. */
MUST_CHECK int charset_clean(struct slice in, bool lines, struct buf *out);
