/* listing.h - what a space holds, as lists: for the comparison with a scan, for status, for reading
 * a document in its order. Each takes the space's read lock for as long as it runs. */
#pragma once
#include "rag/segment/space.h"

/* What the catalog knows about a file, for the comparison with a scan. */
struct known {
        uint64_t id;
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
/* Files at or below the folder `prefix` ("" = all). */
MUST_CHECK int list_known(struct space *s, const char *prefix, struct known_list *ret,
                          struct err *err);

typedef int (*doc_fn)(void *ctx, const struct doc *d);
/* Ordered by path, those behind `after` that are at or below `prefix`. */
MUST_CHECK int list_docs(struct space *s, const char *prefix, const char *after, uint32_t limit,
                         doc_fn fn, void *ctx, struct err *err);
typedef int (*stored_fn)(void *ctx, const char *title, const struct passage *p);
/* Of one document from ordinal `from` on; -ENOENT when it is not there. */
MUST_CHECK int list_passages(struct space *s, const char *path, uint32_t from, uint32_t limit,
                             stored_fn fn, void *ctx, struct err *err);
struct space_counts {
        uint64_t docs, passages, failed; /* failed: every status but indexed and partial */
};
void count_space(struct space *s, struct space_counts *ret);
/* Whether path is at or below prefix; with a slash at its end only below. */
bool path_below(const char *path, const char *prefix);
