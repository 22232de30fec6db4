/* pack.h - the publisher's files of a model to the packed file that embed_open reads.
 *
 * Done once for each precision, where no harm can come of hostile files: the program `pack` in a
 * sandbox (rag/pack_main.c). The packed file is written from its first byte to its last.
 */
#pragma once
#include "rag/embed/embed.h"

/* As published; what is absent has no data. */
struct pack_files {
        struct slice config;           /* config.json */
        struct slice weights;          /* model.safetensors */
        struct slice tokenizer;        /* tokenizer.json */
        struct slice vocab;            /* vocab.txt, used without tokenizer.json */
        struct slice tokenizer_config; /* tokenizer_config.json */
        struct slice pooling;          /* 1_Pooling/config.json */
        struct slice sentence;         /* sentence_bert_config.json */
        struct slice prompts;          /* config_sentence_transformers.json */
        struct slice modules;          /* modules.json */
};
struct pack_options {
        enum embed_precision precision;
        const char *name;
        const char *languages;
        const char *prefix[2]; /* by enum embed_kind; NULL: from the files, else none */
};
typedef int (*pack_sink)(void *ctx, const void *p, size_t n); /* 0 or negative, which ends it */

/* -EINVAL, -EBADMSG: files that are missing, damaged, or of a model that is of neither family. */
MUST_CHECK int pack_model(const struct pack_files *f, const struct pack_options *o, pack_sink put,
                          void *ctx, struct err *err);
