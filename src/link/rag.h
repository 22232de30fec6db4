/* rag.h - verbs of the document engine. Asker: api.
 *
 * api has authorised the namespace; rag never sees a user. Every text is UTF-8. A list comes as
 * parts; its last part has an empty path.
 */
#pragma once
#include "link/link.h"

enum rag_verb {
        RAG_INDEX = 1, /* rag_index -> rag_progress parts until the job has ended */
        RAG_SEARCH,    /* rag_query -> rag_hit parts, best first */
        RAG_DOCS,      /* rag_list -> rag_doc parts, ordered by path */
        RAG_PASSAGES,  /* rag_list (path = the document) -> rag_hit parts, in document order */
        RAG_REMOVE,    /* rag_list (path) -> rag_count: from the index, not from the volume */
        RAG_STATUS,    /* rag_list (namespace) -> rag_count */
        /* models for embeddings; list their names first: a request without one means the model that
         * is in use */
        RAG_EMBED,     /* rag_embed, memfd of texts (each u32 length, bytes) -> rag_embedded, memfd
                           * of their vectors, floats of one text behind those of another */
        RAG_MODELS,    /* rag_named "" -> rag_model parts by name, the last with an empty name */
        RAG_MODEL_ADD, /* rag_model_add -> rag_model, once it is packed and checked */
        RAG_MODEL_USE, /* rag_named -> rag_model: from now on the one for whoever names none */
        RAG_MODEL_REMOVE, /* rag_named -> rag_model; -EBUSY: it is the one in use */
};

struct rag_index {
        char job[ID_TEXT_LEN + 1];     /* stored by api before it asks */
        char space[NAME_TEXT_MAX + 1]; /* namespace */
        char volume[ID_TEXT_LEN + 1];
        char prefix[PATH_TEXT_MAX + 1]; /* only below it; "" everything */
        uint32_t force;                 /* 1: parse again what has not changed */
};
enum rag_job_state { RAG_SCANNING = 1, RAG_PARSING, RAG_EMBEDDING, RAG_DONE, RAG_FAILED };
struct rag_progress {
        uint32_t state;                                 /* enum rag_job_state */
        uint32_t total, done, changed, removed, failed; /* files */
        uint64_t passages;                              /* written by this job */
        uint64_t embedded, to_embed; /* passages of the space with a vector, and all; 0: no model */
        char path[PATH_TEXT_MAX + 1]; /* a file that is not (wholly) indexed, or "" */
        char reason[256];             /* why; or why the job failed */
};
struct rag_query {
        char space[NAME_TEXT_MAX + 1];
        char text[QUERY_TEXT_MAX + 1];
        char prefix[PATH_TEXT_MAX + 1];
        uint32_t limit; /* 1..SEARCH_HITS_MAX */
};
struct rag_hit {
        char path[PATH_TEXT_MAX + 1];
        char title[256];
        char heading[512]; /* "Chapter > Section" */
        uint32_t page;     /* from 1; 0 = the format has none */
        uint32_t ordinal;  /* of the passage in its document, from 0 */
        int64_t score_e6;  /* higher is better, in millionths */
        /* What it is made of: places among those found by word and by meaning, from 1 (0: not among
         * them), the score by word, the cosine of the vectors. */
        uint32_t word_rank, meaning_rank;
        int64_t word_e6, cosine_e6;
        /* Of the last part: thousandths of the passages that had a vector, 0 when the search was by
         * word alone. */
        uint32_t embedded;
        struct slice text; /* at most PASSAGE_TEXT_MAX */
};
struct rag_list {
        char space[NAME_TEXT_MAX + 1];
        char path[PATH_TEXT_MAX + 1];  /* see the verb */
        char after[PATH_TEXT_MAX + 1]; /* RAG_DOCS: continue behind it */
        uint32_t after_ordinal;        /* RAG_PASSAGES: continue behind it; 0 = from the start */
        uint32_t limit;                /* 0 = 1000 */
};
struct rag_doc {
        char path[PATH_TEXT_MAX + 1];
        char status[16]; /* indexed partial encrypted no-text unsupported failed */
        char reason[256];
        char type[32]; /* "pdf", "html", ... */
        char title[256];
        char hash[33]; /* 128 bits of SHA-256, hex */
        uint64_t size_bytes, mtime_ms;
        uint32_t passages, pages;
};
struct rag_count {
        uint64_t docs, passages;
        uint64_t failed; /* documents of every status but indexed and partial */
};
struct rag_embed {
        char model[NAME_TEXT_MAX + 1]; /* "" the one in use */
        uint32_t query;                /* 1: the texts are queries, 0: passages */
        uint32_t n;                    /* texts, 1..EMBED_TEXTS_MAX */
};
struct rag_embedded {
        char model[NAME_TEXT_MAX + 1];
        uint32_t dims;
        uint64_t tokens; /* of all texts, with what the model puts around them */
};
struct rag_named {
        char name[NAME_TEXT_MAX + 1];
};
struct rag_model_add {
        char name[NAME_TEXT_MAX + 1];
        char volume[ID_TEXT_LEN + 1];   /* that holds the published files */
        char folder[PATH_TEXT_MAX + 1]; /* of the volume */
        char languages[64];
        uint32_t precision;            /* enum embed_precision */
        uint32_t given;                /* bit 0: `passage` is given, bit 1: `query` is */
        char passage[512], query[512]; /* prefixes, where the files state none */
};
struct rag_model {
        char name[NAME_TEXT_MAX + 1];
        char id[33]; /* vectors of equal ids may be compared */
        char precision[8], kernel[32], languages[64];
        uint32_t in_use; /* 1: for whoever names none */
        uint32_t dims, max_tokens, layers;
        uint64_t bytes;
        char problem[256]; /* why it cannot be used, else "" */
};

extern const struct link_spec rag_link;
