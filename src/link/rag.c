#include "link/rag.h"

#define I struct rag_index
static const struct wire_field index_fields[] = {WIRE_STR(I, job),    WIRE_STR(I, space),
                                                 WIRE_STR(I, volume), WIRE_STR(I, prefix),
                                                 WIRE_U32(I, force),  WIRE_END};
#undef I
#define P struct rag_progress
static const struct wire_field progress_fields[] = {
        WIRE_U32(P, state),    WIRE_U32(P, total),  WIRE_U32(P, done),     WIRE_U32(P, changed),
        WIRE_U32(P, removed),  WIRE_U32(P, failed), WIRE_U64(P, passages), WIRE_U64(P, embedded),
        WIRE_U64(P, to_embed), WIRE_STR(P, path),   WIRE_STR(P, reason),   WIRE_END};
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
                                               WIRE_U32(H, word_rank),
                                               WIRE_U32(H, meaning_rank),
                                               WIRE_I64(H, word_e6),
                                               WIRE_I64(H, cosine_e6),
                                               WIRE_U32(H, embedded),
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

#define E struct rag_embed
static const struct wire_field embed_fields[] = {WIRE_STR(E, model), WIRE_U32(E, query),
                                                 WIRE_U32(E, n), WIRE_END};
#undef E
#define E struct rag_embedded
static const struct wire_field embedded_fields[] = {WIRE_STR(E, model), WIRE_U32(E, dims),
                                                    WIRE_U64(E, tokens), WIRE_END};
#undef E
static const struct wire_field named_fields[] = {WIRE_STR(struct rag_named, name), WIRE_END};
#define A struct rag_model_add
static const struct wire_field add_fields[] = {
        WIRE_STR(A, name),      WIRE_STR(A, volume),    WIRE_STR(A, folder),
        WIRE_STR(A, languages), WIRE_U32(A, precision), WIRE_U32(A, given),
        WIRE_STR(A, passage),   WIRE_STR(A, query),     WIRE_END};
#undef A
#define M struct rag_model
static const struct wire_field model_fields[] = {
        WIRE_STR(M, name),   WIRE_STR(M, id),         WIRE_STR(M, precision),
        WIRE_STR(M, kernel), WIRE_STR(M, languages),  WIRE_U32(M, in_use),
        WIRE_U32(M, dims),   WIRE_U32(M, max_tokens), WIRE_U32(M, layers),
        WIRE_U64(M, bytes),  WIRE_STR(M, problem),    WIRE_END};
#undef M

static const struct wire_type embed = {"embed", sizeof(struct rag_embed), embed_fields};
static const struct wire_type embedded = {"embedded", sizeof(struct rag_embedded), embedded_fields};
static const struct wire_type named = {"named", sizeof(struct rag_named), named_fields};
static const struct wire_type add = {"model_add", sizeof(struct rag_model_add), add_fields};
static const struct wire_type model = {"model", sizeof(struct rag_model), model_fields};
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
        {RAG_EMBED, "embed", &embed, &embedded, 1, 1},
        {RAG_MODELS, "models", &named, &model, 0, 0},
        {RAG_MODEL_ADD, "model-add", &add, &model, 0, 0},
        {RAG_MODEL_USE, "model-use", &named, &model, 0, 0},
        {RAG_MODEL_REMOVE, "model-remove", &named, &model, 0, 0},
};
const struct link_spec rag_link = {"rag", 1, verbs, ARRAY_LEN(verbs), 0};
