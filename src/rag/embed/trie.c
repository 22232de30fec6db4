#include "rag/embed/trie.h"
#include "base/mem.h"

#define SLOTS_MAX (64u << 20)

struct build {
        struct trie_slot *slots;
        uint32_t n, cap;
        uint32_t from; /* no free slot below it */
        const struct trie_piece *pieces;
};
/* Pieces first..end share `depth` bytes and are the slot `at`. */
struct todo {
        uint32_t at, first, end, depth;
};

static int by_bytes(const void *a, const void *b)
{
        const struct trie_piece *x = a, *y = b;
        int c = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
        if (c)
                return c;
        return x->len < y->len ? -1 : x->len > y->len;
}

static int grow(struct build *b, uint32_t n)
{
        if (n <= b->n)
                return 0;
        if (n > SLOTS_MAX)
                return -E2BIG;
        if (n > b->cap) {
                uint32_t cap = n + n / 2 + 1024;
                struct trie_slot *p = mem_retry(b->slots, cap * sizeof *p);
                if (!p)
                        return -ENOMEM;
                b->slots = p;
                b->cap = cap;
        }
        for (; b->n < n; b->n++)
                b->slots[b->n] = (struct trie_slot){0, TRIE_UNUSED, -1};
        return 0;
}

static unsigned char byte_at(const struct build *b, uint32_t piece, uint32_t depth)
{
        return (unsigned char)b->pieces[piece].text[depth];
}

/* The lowest base at which the slots of all these bytes are free. */
static int place(struct build *b, const unsigned char *bytes, unsigned n, uint32_t *ret)
{
        while (b->from < b->n && b->slots[b->from].parent != TRIE_UNUSED)
                b->from++;
        uint32_t slot = b->from > bytes[0] ? b->from : bytes[0] + 1u;
        for (unsigned tries = 0;; slot++) {
                if (slot < b->n && b->slots[slot].parent != TRIE_UNUSED)
                        continue;
                /* So crowded here that the search would become quadratic: leave the gaps. */
                if (++tries == 4096)
                        b->from = slot;
                uint32_t base = slot - bytes[0];
                unsigned i = 1;
                while (i < n &&
                       (base + bytes[i] >= b->n || b->slots[base + bytes[i]].parent == TRIE_UNUSED))
                        i++;
                if (i == n) {
                        *ret = base;
                        return grow(b, base + 256);
                }
        }
}

/* The children of t->at, told apart by the byte at t->depth; they go onto the stack. */
static int spread(struct build *b, const struct todo *t, struct todo *stack, size_t *n_stack)
{
        unsigned char bytes[256];
        unsigned n = 0;
        uint32_t i = t->first, base;
        if (b->pieces[i].len == t->depth) {
                b->slots[t->at].value = b->pieces[i].id;
                if (++i < t->end && b->pieces[i].len == t->depth)
                        return -EEXIST;
        }
        if (i == t->end)
                return 0;
        for (uint32_t k = i; k < t->end; k++)
                if (n == 0 || bytes[n - 1] != byte_at(b, k, t->depth))
                        bytes[n++] = byte_at(b, k, t->depth);
        int r = place(b, bytes, n, &base);
        if (r < 0)
                return r;
        b->slots[t->at].base = base;
        for (unsigned c = 0; c < n; c++) {
                uint32_t end = i, slot = base + bytes[c];
                while (end < t->end && byte_at(b, end, t->depth) == bytes[c])
                        end++;
                b->slots[slot].parent = t->at;
                stack[(*n_stack)++] = (struct todo){slot, i, end, t->depth + 1};
                i = end;
        }
        return 0;
}

int trie_build(struct trie_piece *pieces, size_t n, struct trie_slot **ret, uint32_t *ret_n)
{
        struct build b = {.pieces = pieces, .from = TRIE_ROOT + 1};
        if (n == 0 || n > SLOTS_MAX)
                return -EINVAL;
        qsort(pieces, n, sizeof *pieces, by_bytes);
        /* Each slot on the stack has a piece of its own below it. */
        auto_free struct todo *stack = mem_try((n + 256) * sizeof *stack);
        if (!stack)
                return -ENOMEM;
        int r = grow(&b, 512);
        size_t n_stack = 0;
        if (r == 0) {
                b.slots[0].parent = b.slots[TRIE_ROOT].parent = 0; /* taken; 0 has no children */
                stack[n_stack++] = (struct todo){TRIE_ROOT, 0, (uint32_t)n, 0};
        }
        while (r == 0 && n_stack > 0) {
                struct todo t = stack[--n_stack];
                r = spread(&b, &t, stack, &n_stack);
        }
        if (r < 0) {
                free(b.slots);
                return r;
        }
        *ret = b.slots;
        *ret_n = b.n;
        return 0;
}
