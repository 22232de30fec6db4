/* trie.h - the pieces of a vocabulary as a double array: one table look-up a byte.
 *
 * Walking needs no trust in the tables: a step checks its index against their length, so that any
 * bytes of the right size are safe, if useless.
 *
 *     uint32_t at = TRIE_ROOT;
 *     while (i < n && trie_step(&t, &at, text[i++]))
 *             if (trie_value(&t, at) >= 0) ...               the text up to here is a piece
 */
#pragma once
#include "base/err.h"

#define TRIE_ROOT   1
#define TRIE_UNUSED 0xffffffffu

struct trie_slot {
        uint32_t base;   /* the child for byte c is slot base + c ... */
        uint32_t parent; /* ... whose parent is this slot; TRIE_UNUSED: free */
        int32_t value;   /* id of the piece that ends here, -1: none */
};
struct trie {
        const struct trie_slot *slots;
        uint32_t n;
};

static inline bool trie_step(const struct trie *t, uint32_t *at, unsigned char c)
{
        uint32_t next = t->slots[*at].base + c;
        if (next >= t->n || t->slots[next].parent != *at)
                return false;
        *at = next;
        return true;
}
static inline int32_t trie_value(const struct trie *t, uint32_t at)
{
        return t->slots[at].value;
}

struct trie_piece {
        const char *text;
        uint32_t len; /* not 0 */
        int32_t id;
};
/* Orders the pieces and makes the table; free() *ret. -EEXIST: a piece twice; -E2BIG; -ENOMEM. */
MUST_CHECK int trie_build(struct trie_piece *pieces, size_t n, struct trie_slot **ret,
                          uint32_t *ret_n);
