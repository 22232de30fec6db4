#include "rag/lexical/postings.h"

static unsigned bits_of(uint32_t max)
{
        return max ? 32u - (unsigned)__builtin_clz(max) : 0;
}

/* n numbers of so many bits each, the lowest first, to whole bytes. */
static int pack(struct buf *b, const uint32_t *v, uint32_t n, unsigned bits)
{
        unsigned char out[POST_BLOCK * 4 + 8] = {0};
        size_t size = ((size_t)n * bits + 7) / 8;
        for (uint32_t i = 0; i < n && bits; i++) {
                size_t at = (size_t)i * bits;
                uint64_t word;
                memcpy(&word, out + at / 8, sizeof word);
                word |= (uint64_t)v[i] << (at % 8);
                memcpy(out + at / 8, &word, sizeof word);
        }
        return buf_add(b, out, size);
}

static void unpack(const unsigned char *p, size_t left, uint32_t n, unsigned bits, uint32_t *ret)
{
        uint64_t mask = bits ? ~0ull >> (64 - bits) : 0;
        for (uint32_t i = 0; i < n; i++) {
                size_t at = (size_t)i * bits, byte = at / 8;
                uint64_t word = 0;
                if (left >= byte + sizeof word)
                        memcpy(&word, p + byte, sizeof word);
                else if (left > byte)
                        memcpy(&word, p + byte, left - byte);
                ret[i] = (uint32_t)(word >> (at % 8) & mask);
        }
}

static int encode_block(struct buf *b, const struct posting *p, uint32_t n, uint32_t base,
                        const uint16_t *lengths, struct post_head *h)
{
        uint32_t gaps[POST_BLOCK], weights[POST_BLOCK], all_gaps = 0, all_weights = 0, max = 0;
        uint16_t least = UINT16_MAX;
        for (uint32_t i = 0; i < n; i++) {
                gaps[i] = p[i].passage - base;
                base = p[i].passage + 1;
                weights[i] = p[i].weight - 1;
                all_gaps |= gaps[i];
                all_weights |= weights[i];
                max = p[i].weight > max ? p[i].weight : max;
                least = lengths[p[i].passage] < least ? lengths[p[i].passage] : least;
        }
        *h = (struct post_head){.last = p[n - 1].passage,
                                .at = (uint32_t)b->len,
                                .max_weight = max > UINT16_MAX ? UINT16_MAX : (uint16_t)max,
                                .min_length = least,
                                .bits_passage = (uint8_t)bits_of(all_gaps),
                                .bits_weight = (uint8_t)bits_of(all_weights),
                                .n = (uint16_t)n};
        int r = pack(b, gaps, n, h->bits_passage);
        return r < 0 ? r : pack(b, weights, n, h->bits_weight);
}

int post_encode(struct buf *b, const struct posting *p, uint32_t n, const uint16_t *lengths)
{
        uint32_t n_blocks = (n + POST_BLOCK - 1) / POST_BLOCK, base = 0;
        size_t table = b->len, blocks = table + n_blocks * sizeof(struct post_head);
        int r = 0;
        for (uint32_t i = 0; i < n_blocks && r == 0; i++)
                r = buf_add(b, &(struct post_head){0}, sizeof(struct post_head));
        for (uint32_t i = 0; i < n_blocks && r == 0; i++) {
                uint32_t k = n - i * POST_BLOCK < POST_BLOCK ? n - i * POST_BLOCK : POST_BLOCK;
                struct post_head h;
                r = encode_block(b, p + (size_t)i * POST_BLOCK, k, base, lengths, &h);
                if (r < 0)
                        break;
                base = h.last + 1;
                h.at -= (uint32_t)blocks;
                memcpy(b->data + table + i * sizeof h, &h, sizeof h);
        }
        static const char zero[4];
        if (r == 0 && b->len % 4)
                r = buf_add(b, zero, 4 - b->len % 4);
        return r;
}

int post_open(struct slice s, uint32_t n, uint32_t limit, struct post_list *ret)
{
        uint32_t n_blocks = n / POST_BLOCK + (n % POST_BLOCK != 0);
        size_t table = (size_t)n_blocks * sizeof(struct post_head);
        if (n == 0 || s.len < table || (uintptr_t)s.data % 4)
                return -EBADMSG;
        const struct post_head *heads = (const void *)s.data;
        for (uint32_t i = 0; i < n_blocks; i++)
                if (heads[i].last >= limit || (i && heads[i].last <= heads[i - 1].last))
                        return -EBADMSG;
        *ret = (struct post_list){heads, n_blocks, n, (const unsigned char *)s.data + table,
                                  s.len - table};
        return 0;
}

uint32_t post_block(const struct post_list *l, uint32_t block, uint32_t limit,
                    uint32_t passages[POST_BLOCK], uint32_t weights[POST_BLOCK])
{
        const struct post_head *h = &l->heads[block];
        uint32_t n = h->n <= POST_BLOCK ? h->n : POST_BLOCK, at = h->at;
        uint32_t base = block ? l->heads[block - 1].last + 1 : 0;
        unsigned bp = h->bits_passage <= 32 ? h->bits_passage : 32;
        unsigned bw = h->bits_weight <= 32 ? h->bits_weight : 32;
        size_t size = ((size_t)n * bp + 7) / 8, left = at <= l->size ? l->size - at : 0;
        size_t left_w = left > size ? left - size : 0;
        unpack(l->blocks + (left ? at : 0), left, n, bp, passages);
        unpack(l->blocks + (left_w ? at + size : 0), left_w, n, bw, weights);
        for (uint32_t i = 0; i < n; i++) {
                passages[i] += base;
                base = passages[i] + 1;
                if (passages[i] >= limit)
                        passages[i] = limit - 1;
                weights[i]++;
        }
        return n;
}
