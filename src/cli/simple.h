/* simple.h - what most commands are: one call, then its answer as a table or as JSON. */
#pragma once
#include "cli/out.h"
#include "cli/server.h"

typedef void (*print_fn)(const json_t *answer);

/* Connects, calls, prints: print(answer) for people (NULL: nothing), the answer itself for --json.
 * Takes over body (NULL: none). Returns the exit status. */
int simple_call(const struct invocation *inv, enum server_start start, const char *method,
                const char *target, json_t *body, print_fn print);
/* The path prefix + operand, escaped; the operand's slashes stay. Cut never: -E2BIG is reported by
 * the server's own limits long before. The result lives in b. */
const char *target_of(struct buf *b, const char *prefix, const char *operand, const char *suffix);
/* The list in an answer: {"key":[...]}; never fails, an empty list instead. Borrowed. */
const json_t *list_in(const json_t *answer, const char *key);
