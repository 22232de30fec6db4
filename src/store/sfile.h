/* sfile.h - a file of named sections that is written once and never changed: what segments,
 * vectors and catalogs are stored in.
 *
 * It exists under its name only when all of it is on the disk: it is written as NAME.tmp, synced,
 * renamed, and the directory is synced. The first page says how long every section is and which
 * XXH3 its bytes have, and ends with the XXH3 of itself; a reader takes lengths from that page
 * alone, never from the content. Little endian; sections begin at multiples of 64 bytes.
 *
 *     struct sfile_out *o;
 *     r = sfile_create(dir, "seg-12", &o, err);
 *     sfile_section(o, TAG);
 *     sfile_add(o, p, n);                  errors are kept until the end
 *     r = sfile_commit(o, err);            or sfile_abandon(o)
 */
#pragma once
#include "link/wire.h"

#define SFILE_SECTIONS 24
#define SFILE_TAG(a, b, c, d)                                                                      \
        ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

struct sfile_out;
MUST_CHECK int sfile_create(int dir, const char *name, struct sfile_out **ret, struct err *err);
/* What is added from now on belongs to this section; each tag once. */
void sfile_section(struct sfile_out *o, uint32_t tag);
void sfile_add(struct sfile_out *o, const void *p, size_t n);
/* Both end it: o is freed. */
MUST_CHECK int sfile_commit(struct sfile_out *o, struct err *err);
void sfile_abandon(struct sfile_out *o); /* NULL is fine */

struct sfile {
        const char *map; /* NULL: not open */
        size_t size;
};
/* Maps it and checks its first page. -ENOENT; -EBADMSG: not such a file, cut, or damaged. */
MUST_CHECK int sfile_open(int dir, const char *name, struct sfile *ret, struct err *err);
void sfile_close(struct sfile *f);
/* The bytes of a section, 64-aligned; empty when there is none. */
struct slice sfile_get(const struct sfile *f, uint32_t tag);
/* Reads all of a section and compares. -EBADMSG. */
MUST_CHECK int sfile_verify(const struct sfile *f, uint32_t tag, struct err *err);
