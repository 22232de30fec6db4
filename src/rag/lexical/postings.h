/* postings.h - where a term is: its passages in ascending order and how much of it each has.
 *
 * In a segment a list is blocks of 128 entries (the last one shorter), each coded by itself: the
 * differences of the passages' numbers less one, and the weights, every one with as many bits as
 * the largest of the block needs. A table of block heads in front says for each block its last
 * passage, its largest weight and the shortest passage in it, so that a reader skips blocks whose
 * best score cannot matter (block-max).
 */
#pragma once
#include "link/wire.h"

#define POST_BLOCK 128

struct posting {
        uint32_t passage; /* of the segment */
        uint32_t weight;  /* how often it is there, by field: lexical/inverted.h; at least 1 */
};

struct post_head {
        uint32_t last;       /* passage */
        uint32_t at;         /* bytes from the end of the table */
        uint16_t max_weight; /* 65535: that or more */
        uint16_t min_length; /* of the passages in it: lexical/inverted.h */
        uint8_t bits_passage, bits_weight;
        uint16_t n;
};
/* A list as it lies in the segment, checked by post_open. */
struct post_list {
        const struct post_head *heads;
        uint32_t n_blocks, n; /* entries */
        const unsigned char *blocks;
        size_t size;
};

/* Appends the list of n entries (ascending, n > 0) whose passages have those lengths. */
MUST_CHECK int post_encode(struct buf *b, const struct posting *p, uint32_t n,
                           const uint16_t *lengths);
/* The list of n entries that begins at s, of passages below `limit`. -EBADMSG. */
MUST_CHECK int post_open(struct slice s, uint32_t n, uint32_t limit, struct post_list *ret);
/* The entries of a block, n of them, into passages and weights. What is damaged gives wrong
 * numbers, never a read outside of the list; passages at or above `limit` come as limit - 1. */
uint32_t post_block(const struct post_list *l, uint32_t block, uint32_t limit,
                    uint32_t passages[POST_BLOCK], uint32_t weights[POST_BLOCK]);
