#include "link/rag.h"

#define I struct rag_index
static const struct wire_field index_fields[] = {WIRE_STR(I, job),    WIRE_STR(I, space),
                                                 WIRE_STR(I, volume), WIRE_STR(I, prefix),
                                                 WIRE_U32(I, force),  WIRE_END};
#undef I
#define P struct rag_progress
static const struct wire_field progress_fields[] = {WIRE_U32(P, state),    WIRE_U32(P, total),
                                                    WIRE_U32(P, done),     WIRE_U32(P, changed),
                                                    WIRE_U32(P, removed),  WIRE_U32(P, failed),
                                                    WIRE_U64(P, passages), WIRE_STR(P, path),
                                                    WIRE_STR(P, reason),   WIRE_END};
#undef P
#define Q struct rag_query
static const struct wire_field query_fields[] = {WIRE_STR(Q, space), WIRE_STR(Q, text),
                                                 WIRE_STR(Q, prefix), WIRE_U32(Q, limit), WIRE_END};
#undef Q
#define H struct rag_hit
static const struct wire_field hit_fields[] = {WIRE_STR(H, path),
                                               WIRE_STR(H, title),
                                               WIRE_STR(H, heading),
                                               WIRE_U32(H, page),
                                               WIRE_U32(H, ordinal),
                                               WIRE_I64(H, score_e6),
                                               WIRE_BYTES(H, text, PASSAGE_TEXT_MAX),
                                               WIRE_END};
#undef H
#define L struct rag_list
static const struct wire_field list_fields[] = {WIRE_STR(L, space), WIRE_STR(L, path),
                                                WIRE_STR(L, after), WIRE_U32(L, after_ordinal),
                                                WIRE_U32(L, limit), WIRE_END};
#undef L
#define D struct rag_doc
static const struct wire_field doc_fields[] = {WIRE_STR(D, path),
                                               WIRE_STR(D, status),
                                               WIRE_STR(D, reason),
                                               WIRE_STR(D, type),
                                               WIRE_STR(D, title),
                                               WIRE_STR(D, hash),
                                               WIRE_U64(D, size_bytes),
                                               WIRE_U64(D, mtime_ms),
                                               WIRE_U32(D, passages),
                                               WIRE_U32(D, pages),
                                               WIRE_END};
#undef D
static const struct wire_field count_fields[] = {WIRE_U64(struct rag_count, docs),
                                                 WIRE_U64(struct rag_count, passages),
                                                 WIRE_U64(struct rag_count, failed), WIRE_END};

static const struct wire_type index_type = {"index", sizeof(struct rag_index), index_fields};
static const struct wire_type progress = {"progress", sizeof(struct rag_progress), progress_fields};
static const struct wire_type query = {"query", sizeof(struct rag_query), query_fields};
static const struct wire_type hit = {"hit", sizeof(struct rag_hit), hit_fields};
static const struct wire_type list = {"list", sizeof(struct rag_list), list_fields};
static const struct wire_type doc = {"doc", sizeof(struct rag_doc), doc_fields};
static const struct wire_type count = {"count", sizeof(struct rag_count), count_fields};

static const struct link_verb verbs[] = {
        {RAG_INDEX, "index", &index_type, &progress, 0, 0},
        {RAG_SEARCH, "search", &query, &hit, 0, 0},
        {RAG_DOCS, "docs", &list, &doc, 0, 0},
        {RAG_PASSAGES, "passages", &list, &hit, 0, 0},
        {RAG_REMOVE, "remove", &list, &count, 0, 0},
        {RAG_STATUS, "status", &list, &count, 0, 0},
};
const struct link_spec rag_link = {"rag", 1, verbs, ARRAY_LEN(verbs), 0};
