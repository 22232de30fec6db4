/* reader.h - the thread that answers questions about the index: searches, lists, passages, counts,
 * and the removal of single documents. It has database connections of its own, so that it answers
 * while index jobs write. Called on the loop's thread.
 */
#pragma once
#include "link/rag.h"
#include "net/peer.h"
#include "rag/question.h"

struct reader;

/* `with` is copied, without its words. NULL when no thread can be had (err). */
struct reader *reader_new(struct loop *loop, const struct reading *with, struct err *err);
void reader_free(struct reader *r); /* waits for the question in hand; NULL is fine */
/* rq is answered later. `verb` is RAG_SEARCH, _DOCS, _PASSAGES, _REMOVE or _STATUS and request its
 * decoded struct, copied. */
void reader_ask(struct reader *r, uint32_t verb, const void *request, struct peer_request *rq);
size_t reader_waiting(const struct reader *r); /* questions not answered yet */
