/* segment.h - passages and the index of their words: one immutable file, seg-ID.
 *
 * Made by a builder from passages in the order they come, document by document; a document's are
 * consecutive. What is live is not known here but in the catalog: a passage names its row, and
 * lives as long as that row says it lies here.
 */
#pragma once
#include "rag/lexical/inverted.h"
#include "rag/vector/vectors.h"

struct segment_passage { /* as in the file */
        uint64_t doc;    /* row of the catalog */
        uint64_t at;     /* of heading and text, one behind the other, in TEXT */
        uint64_t hash;   /* XXH3 of both: what a vector was made from */
        uint32_t text_len, heading_len;
        uint32_t page, ordinal;
};
struct segment {
        uint64_t id;
        struct sfile file;
        struct lexicon words;
        const struct segment_passage *passages;
        uint32_t n;
        struct slice text;
        struct vectors *vectors; /* of the model in use; NULL: none yet. segment/space.h */
};

struct builder;
struct builder *builder_new(void);               /* never NULL */
void builder_free(struct builder *b);            /* NULL is fine */
uint32_t builder_count(const struct builder *b); /* passages so far: the next one's number */
size_t builder_bytes(const struct builder *b);   /* of memory, about */
/* -ENOMEM, -E2BIG: the builder can only be freed. */
MUST_CHECK int builder_add(struct builder *b, uint64_t doc, struct slice title,
                           struct slice heading, struct slice text, uint32_t page,
                           uint32_t ordinal);
/* Writes seg-ID; b can only be freed afterwards. */
MUST_CHECK int builder_write(struct builder *b, int dir, uint64_t id, struct err *err);

void segment_name(char dst[32], uint64_t id);
/* Checks everything but the text, which is checked passage by passage. */
MUST_CHECK int segment_open(int dir, uint64_t id, struct segment *ret, struct err *err);
void segment_close(struct segment *s); /* its vectors too */
struct segment_text {
        struct slice heading, text; /* not NUL-terminated; as long as the segment is open */
};
/* -EBADMSG: the disk gave something else than was written. */
MUST_CHECK int segment_read(const struct segment *s, uint32_t passage, struct segment_text *ret);
