/* store.h - the table behind keep: descriptors under (id, name). No policy, no I/O on them. */
#pragma once
#include "link/keep.h"

#define STORE_ENTRIES_MAX 4096 /* two a sandbox */

struct store;

struct store *store_new(size_t max_fds);   /* never NULL; descriptors it may hold */
void store_free(struct store *s);          /* closes everything */
size_t store_count(const struct store *s); /* entries */
/* Takes over the descriptors; replaces the entry of the same key. -EINVAL for a bad key, -EMFILE
 * when the store is full (the descriptors then stay the caller's, and the old entry stays). */
MUST_CHECK int store_put(struct store *s, const struct keep_key *key, int *fds, uint32_t n_fds);
/* Borrowed descriptors, or NULL with *ret_n = 0. */
const int *store_get(const struct store *s, const struct keep_key *key, uint32_t *ret_n);
uint32_t store_drop(struct store *s, const struct keep_key *key); /* how many descriptors */
/* The i-th entry of that id ("" = any); false behind the last. */
bool store_nth(const struct store *s, const char *id, size_t i, struct keep_entry *ret);
