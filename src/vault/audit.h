/* audit.h - what was asked and decided, one line each, append-only: a JSON object that ends in the
 * SHA-256 of the line before it, so that no line can be changed, left out or put between.
 *
 * Lines are written at once (a killed vault loses none) and synced each second (a power failure
 * loses at most that). Where they cannot be written, requests are refused.
 */
#pragma once
#include "base/buf.h"
#include "net/loop.h"

#define AUDIT_LINE_MAX 16384

struct audit;

/* Goes on behind the last line there is. */
MUST_CHECK int audit_open(struct loop *l, int state_fd, struct audit **ret, struct err *err);
void audit_free(struct audit *a); /* NULL is fine */
DEFINE_CLEANUP(struct audit *, audit_free);
/* False: the last line could not be written. */
bool audit_works(const struct audit *a);

/* A line is begun, gets fields, and is ended. */
void audit_begin(struct audit *a, const char *kind);
void audit_text(struct audit *a, const char *key, const char *value);
void audit_number(struct audit *a, const char *key, uint64_t value);
MUST_CHECK int audit_end(struct audit *a);

/* Lines from the n-th on: fn gets each without its newline; stops when it returns false. */
MUST_CHECK int audit_read(const struct audit *a, uint64_t from,
                          bool (*fn)(void *ctx, const char *line, size_t n), void *ctx);
/* Number and hash (hex) of the last line. */
uint64_t audit_head(const struct audit *a, char hash[65]);
