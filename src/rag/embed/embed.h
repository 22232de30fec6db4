/* embed.h - texts to vectors: an encoder of the BERT and MPNet families on the processor.
 *
 * A model is one packed file, made once from the publisher's files (rag/embed/pack.h): weights laid
 * out for the kernels, the tokenizer, pooling, prefixes and maxima. It is mapped read-only and
 * checked as a whole when it is opened; after that no byte of it can lead outside of it.
 *
 *     CLEANUP(embed_closep) struct embed_model *m = NULL;
 *     r = embed_open(fd, &m, err);                          the descriptor may be closed afterwards
 *     CLEANUP(embed_worker_freep) struct embed_worker *w = embed_worker_new(m, NULL);
 *     float *v = mem_try(2 * embed_info(m)->dims * sizeof *v);
 *     r = embed_texts(w, EMBED_PASSAGE, texts, 2, v, err);
 *
 * A model may be shared by threads; a worker belongs to one thread at a time. The vector of a text
 * depends on the text, the kind and the model alone: not on what else is in the call, and within
 * one machine not on the worker.
 */
#pragma once
#include "link/wire.h"

#define EMBED_NAME_MAX   63
#define EMBED_TOKENS_MAX 8192 /* positions of any model that is accepted */

enum embed_precision { EMBED_INT8 = 1, EMBED_BF16, EMBED_FP32 };
enum embed_kind { EMBED_PASSAGE, EMBED_QUERY }; /* which prefix the model's publisher puts before */

struct embed_info {
        char name[EMBED_NAME_MAX + 1]; /* as it was added: "minilm" */
        unsigned char id[16]; /* of weights, tokenizer, settings and precision: only vectors
                                          of equal ids may be compared */
        enum embed_precision precision;
        uint32_t dims;
        uint32_t max_tokens; /* of one text with its prefix and the model's own special tokens */
        uint32_t layers, heads, width, vocabulary;
        uint64_t bytes;       /* of the packed file */
        uint64_t ops_a_token; /* multiplications and additions of all layers, without attention */
        const char *kernel;   /* chosen on this machine: "avx512-vnni", "avx2", "scalar", ... */
        char languages[64];   /* that the publisher names: "en", "en de fr"; "" = not stated */
};

struct embed_model;
/* Maps and checks the packed file. -EBADMSG: it is not one, damaged, or of another version. */
MUST_CHECK int embed_open(int fd, struct embed_model **ret, struct err *err);
void embed_close(struct embed_model *m); /* NULL is fine; no worker may be left */
DEFINE_CLEANUP(struct embed_model *, embed_close);
const struct embed_info *embed_info(const struct embed_model *m);

/* --- tokens: what the model reads instead of letters */

struct embed_token {
        uint32_t id;
        uint32_t begin, end; /* bytes of the text; the token is text[begin..end) */
};
struct embed_tokens {
        struct embed_token *list;
        size_t n, cap;
};
void embed_tokens_done(struct embed_tokens *t); /* start from {0}; may be used again after it */
/* The tokens of the text alone, without prefix and special tokens, in order; replaces what was in
 * *t and keeps its memory. A text cut at a blank has the tokens of its two parts. -EILSEQ: not
 * UTF-8; -EFBIG: 64 MiB or more; -ENOMEM. */
MUST_CHECK int embed_tokenize(const struct embed_model *m, struct slice text,
                              struct embed_tokens *t, struct err *err);
/* How many there are; as embed_tokenize otherwise. */
MUST_CHECK int64_t embed_count(const struct embed_model *m, struct slice text, struct err *err);
/* So many tokens of a text's own fit beside the prefix and the special tokens. */
uint32_t embed_room(const struct embed_model *m, enum embed_kind kind);

/* --- vectors */

struct embed_worker;
/* Called from within embed_texts at least once for about a millisecond of work (5 ms on a slow
 * machine), so that something more urgent can be done on this core: do it or wait for it in the
 * hook. A negative value ends the call with that error. */
struct embed_hook {
        int (*fn)(void *ctx);
        void *ctx;
};
/* `hook` is copied; NULL: none. Never NULL; memory for the model's longest text is taken on first
 * use. The model must outlive it. */
struct embed_worker *embed_worker_new(const struct embed_model *m, const struct embed_hook *hook);
void embed_worker_free(struct embed_worker *w); /* NULL is fine */
DEFINE_CLEANUP(struct embed_worker *, embed_worker_free);
/* Writes n * dims floats, each vector of length 1, in the order of the texts. Nothing is cut: where
 * one text has more tokens than the model reads (-E2BIG) or is not UTF-8 (-EILSEQ), err says which
 * ("text 3 has 700 tokens, the model reads 510") and no vector is made. Give it as many texts at
 * once as there are: it forms packs of its own. */
MUST_CHECK int embed_texts(struct embed_worker *w, enum embed_kind kind, const struct slice *texts,
                           size_t n, float *ret, struct err *err);
