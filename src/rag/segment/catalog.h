/* catalog.h - what a space knows: a row for every file that was ever looked at (those without text
 * too), and the segments that hold their passages. In memory as a whole; on the disk as a snapshot
 * (an sfile) and the changes since then (log.h).
 *
 * A file's passages are `passages` consecutive ones of one segment from `first` on. What no row
 * refers to is dead: there is no list of deleted passages that could disagree with the rows.
 *
 * Changes are encoded into a buffer, written to the log, and only then applied: the bytes that a
 * restart replays are the very ones that are applied now. Readers and writers of a catalog are kept
 * apart by its owner (space.h).
 */
#pragma once
#include "link/parse.h"

struct doc {
        uint64_t id;      /* of the row; never used again */
        uint64_t segment; /* 0: no passages */
        uint32_t first, passages;
        uint32_t status, pages; /* enum parse_status */
        uint64_t size, inode;
        int64_t mtime_ns, ctime_ns;
        char hash[PARSE_HASH_LEN + 1];
        const char *path, *reason, *type, *title;
};
/* One that is live, with what makes it disappear from memory. */
struct segment_row {
        uint64_t id;
        uint32_t passages; /* in the file, dead ones counted */
        uint32_t live;     /* of live rows: counted here, not stored */
};

struct catalog {
        uint64_t next_doc, next_segment; /* the next ids to give out */
        struct doc **docs;               /* in no order; NULLs are holes */
        size_t n, cap, live;
        uint64_t passages, failed; /* of live rows */
        uint32_t *by_path, *by_id; /* hash tables of index + 1 */
        size_t table;              /* their size, a power of two */
        struct segment_row *segments;
        size_t n_segments;
};

void catalog_init(struct catalog *c);
void catalog_done(struct catalog *c);
struct doc *catalog_path(const struct catalog *c, const char *path); /* NULL = unknown */
struct doc *catalog_id(const struct catalog *c, uint64_t id);
const struct segment_row *catalog_segment(const struct catalog *c, uint64_t id);

/* Changes, one behind the other in a buffer. */
/* A new row, or a row of that id in a new form; another row of the same path goes. */
MUST_CHECK int change_put(struct buf *b, const struct doc *d);
MUST_CHECK int change_remove(struct buf *b, uint64_t id);
MUST_CHECK int change_segment(struct buf *b, const struct segment_row *s);
MUST_CHECK int change_drop_segment(struct buf *b, uint64_t id);
/* The passages of a row are elsewhere: a compaction. */
MUST_CHECK int change_place(struct buf *b, uint64_t id, uint64_t segment, uint32_t first);

/* All of a batch or, when it is not sound (-EBADMSG) or there is no memory, none of what follows
 * the failure: the caller then drops the catalog. A log_fn with ctx = catalog. */
int catalog_apply(void *catalog, struct slice batch, struct err *err);

/* catalog-GENERATION */
MUST_CHECK int catalog_write(const struct catalog *c, int dir, uint64_t generation,
                             struct err *err);
MUST_CHECK int catalog_read(struct catalog *c, int dir, uint64_t generation, struct err *err);
void catalog_name(char dst[32], uint64_t generation);
