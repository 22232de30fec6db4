/* manifest.h - the files of one space, their passages and the index of words over them: one SQLite
 * file a space, so that no search can reach another space's text or be ranked by it.
 *
 * A file's row, its passages and their index entries change in one transaction. One thread writes
 * (manifest_open), any number read through connections of their own (manifest_open_reader) and see
 * whole files only.
 */
#pragma once
#include "link/parse.h"
#include "rag/chunk.h"
#include "store/db.h"

struct manifest;

/* What the manifest knows about a file, for the comparison with a scan. */
struct known {
        int64_t id;
        char *path;
        uint64_t size, inode;
        int64_t mtime_ns, ctime_ns;
        char hash[PARSE_HASH_LEN + 1];
        uint32_t status; /* enum parse_status */
        bool seen;       /* for the comparison's own use */
};
struct known_list {
        struct known *files; /* ordered by the bytes of their paths */
        size_t n;
};
void known_done(struct known_list *l);

/* Passages of one document, gathered until its end is known. */
struct gathered {
        struct buf text; /* of all, one behind the other */
        struct gathered_passage {
                uint32_t page, heading, heading_len, at, len; /* offsets into text */
        } * p;
        size_t n, cap;
        bool full; /* the limit on text was reached: what came later is missing */
};
void gathered_init(struct gathered *g);
void gathered_done(struct gathered *g);
void gathered_clear(struct gathered *g);
int gathered_add(void *g, const struct passage *p, struct err *err); /* a passage_fn */

struct doc_row {
        const char *path, *reason, *type, *title, *hash;
        uint32_t status, passages, pages;
        uint64_t size;
        int64_t mtime_ns;
};
struct manifest_counts {
        uint64_t docs, passages, failed; /* failed: every status but indexed and partial */
};

MUST_CHECK int manifest_open(const char *path, struct manifest **ret, struct err *err);
/* -ENOENT when nothing was ever indexed there. */
MUST_CHECK int manifest_open_reader(const char *path, struct manifest **ret, struct err *err);
void manifest_close(struct manifest *m); /* NULL is fine */
DEFINE_CLEANUP(struct manifest *, manifest_close);
struct db *manifest_db(struct manifest *m);

/* Changes are made between begin and commit; several files may share one transaction. */
MUST_CHECK int manifest_begin(struct manifest *m, struct err *err);
MUST_CHECK int manifest_commit(struct manifest *m, struct err *err);
void manifest_rollback(struct manifest *m);
MUST_CHECK int manifest_checkpoint(struct manifest *m, struct err *err);

/* Files at or below the folder `prefix` ("" = all). */
MUST_CHECK int manifest_load(struct manifest *m, const char *prefix, struct known_list *ret,
                             struct err *err);
/* Replaces everything known about the path. */
MUST_CHECK int manifest_put(struct manifest *m, const char *path, const struct parse_end *end,
                            const struct gathered *g, struct err *err);
/* Same content: only the stamps. */
MUST_CHECK int manifest_touch(struct manifest *m, int64_t id, const struct parse_end *end,
                              struct err *err);
/* Same content under another path; what was at `path` is replaced. */
MUST_CHECK int manifest_move(struct manifest *m, int64_t id, const char *path,
                             const struct parse_end *end, struct err *err);
MUST_CHECK int manifest_remove(struct manifest *m, int64_t id, struct err *err);
/* The id of a path; -ENOENT. */
MUST_CHECK int64_t manifest_find(struct manifest *m, const char *path, struct err *err);

typedef int (*doc_fn)(void *ctx, const struct doc_row *d);
typedef int (*stored_fn)(void *ctx, const char *title, const struct passage *p);
/* Ordered by path, those behind `after` that are at or below `prefix`. */
MUST_CHECK int manifest_docs(struct manifest *m, const char *prefix, const char *after,
                             uint32_t limit, doc_fn fn, void *ctx, struct err *err);
/* Of one document from ordinal `from` on; -ENOENT when it is not there. */
MUST_CHECK int manifest_passages(struct manifest *m, const char *path, uint32_t from,
                                 uint32_t limit, stored_fn fn, void *ctx, struct err *err);
MUST_CHECK int manifest_count(struct manifest *m, struct manifest_counts *ret, struct err *err);
/* A path and the first one behind everything below it, for "path=a OR (path>b AND path<c)". */
struct path_range {
        char below[PATH_TEXT_MAX + 2], behind[PATH_TEXT_MAX + 2];
};
void path_range_of(const char *prefix, struct path_range *ret);
