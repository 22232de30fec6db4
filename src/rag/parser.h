/* parser.h - the asker's side of link/parse.h: what comes out of a parse sandbox is checked here
 * and nowhere else. Blocking; one thread.
 */
#pragma once
#include "link/parse.h"

#define SCAN_FILES_MAX 4000000 /* files of one volume */
#define SCAN_MS        600000  /* for a whole scan */
#define FILE_MS        120000  /* for one file: its helper programs are stopped before that */

struct parser {
        int to, from;     /* borrowed: stdin and stdout of the program */
        uint64_t file_ms; /* FILE_MS until somebody sets it */
        struct frames in;
};
/* 0, or a negative errno that ends the scan or the file. */
typedef int (*entry_fn)(void *ctx, const struct parse_entry *e, struct err *err);
typedef int (*block_fn)(void *ctx, const struct parse_block *b, struct err *err);

void parser_init(struct parser *p, int to, int from);
void parser_done(struct parser *p);
/* Entries come in strictly ascending order of paths. -EPROTO -EPIPE -ETIMEDOUT: the program is not
 * to be used any more. Another error: what the scan itself said, or fn. */
MUST_CHECK int parser_scan(struct parser *p, const char *prefix, entry_fn fn, void *ctx,
                           struct parse_scanned *ret, struct err *err);
/* Every field of *ret has been checked: known status, valid UTF-8, a hash or "". */
MUST_CHECK int parser_file(struct parser *p, const char *path, const char *unless_hash, block_fn fn,
                           void *ctx, struct parse_end *ret, struct err *err);
