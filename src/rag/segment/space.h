/* space.h - the documents of one namespace: catalog, segments and log in a directory of their own,
 * so that no search can reach another space's text or be ranked by it.
 *
 * A process opens a directory of spaces once; a lock file keeps a second process out. Any number of
 * threads read; one at a time changes, from space_begin to space_commit or space_rollback. What is
 * put is written as a segment and a batch of the log, both synced, before anybody sees it, and then
 * seen as a whole. Files that no generation names are swept when a space is opened.
 *
 *     r = space_get(all, "handbook", true, &s, err);
 *     r = space_begin(s, err);
 *     r = space_put(s, path, &end, &gathered, err);
 *     r = space_commit(s, err);
 *     space_read(s);  … space_catalog(s), space_segments(s) …  space_read_end(s);
 *     space_release(s);
 */
#pragma once
#include "rag/gathered.h"
#include "rag/segment/catalog.h"
#include "rag/segment/segment.h"

#define SPACES_OPEN_MAX 8 /* kept open for the next question */

struct spaces;
struct space;

/* Owns dir. */
struct spaces *spaces_new(int dir);
void spaces_free(struct spaces *all); /* after the last release; NULL is fine */

/* -ENOENT: nothing was ever indexed there (and not `create`). -EBADMSG: damaged; build it again. */
MUST_CHECK int space_get(struct spaces *all, const char *name, bool create, struct space **ret,
                         struct err *err);
void space_release(struct space *s); /* NULL is fine */
DEFINE_CLEANUP(struct space *, space_release);
/* All of it goes; who still has it open sees it empty and can no longer change it. */
MUST_CHECK int space_remove(struct spaces *all, const char *name, struct err *err);

/* ---- reading */

void space_read(struct space *s);
void space_read_end(struct space *s);
/* Between the two, or by who changes. */
const struct catalog *space_catalog(const struct space *s);
const struct segment *space_segments(const struct space *s, size_t *ret_n);
const struct segment *space_segment(const struct space *s, uint64_t id); /* NULL = unknown */

/* ---- vectors: made by somebody else (rag/embedding.h), kept here beside the segments */

/* Who holds a space is the only one to tidy it, to choose its model and to fill its vectors; nobody
 * else closes a segment or its vectors meanwhile. False: another one does (only without `wait`). */
bool space_hold(struct space *s, bool wait);
void space_unhold(struct space *s);
bool space_uses(struct space *s, const struct vector_model *m); /* is it the one in use? */
/* Between the two: from now on the vectors of this model are used; those that are there are opened,
 * those of joined segments carried along. NULL: none. */
MUST_CHECK int space_use_model(struct space *s, const struct vector_model *m, struct err *err);
/* Between the two: the vectors of a segment, a file made for them if there is none. -ESTALE: it is
 * gone. */
MUST_CHECK int space_vectors(struct space *s, uint64_t segment, struct vectors **ret,
                             struct err *err);

/* ---- changing */

MUST_CHECK int space_begin(struct space *s, struct err *err);
/* Replaces everything known about the path. After a failure the only way is space_rollback. */
MUST_CHECK int space_put(struct space *s, const char *path, const struct parse_end *end,
                         const struct gathered *g, struct err *err);
/* Same content, under the same or another path (what was there goes): only the stamps. */
MUST_CHECK int space_move(struct space *s, uint64_t id, const char *path,
                          const struct parse_end *end, struct err *err);
MUST_CHECK int space_forget(struct space *s, uint64_t id, struct err *err);
/* Bytes of memory that the changes so far take, about. */
size_t space_pending(const struct space *s);
/* Ends the change. When it fails nothing has changed. */
MUST_CHECK int space_commit(struct space *s, struct err *err);
void space_rollback(struct space *s);

/* Joins segments of about the same size when there are many of them, and those with much dead text;
 * then the log, when it is long. Readers and changes go on meanwhile. 1: something was done. */
MUST_CHECK int space_tidy(struct space *s, struct err *err);
