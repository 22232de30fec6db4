/* rank.h - how well a passage answers: BM25 over title, heading and text, as a function of FTS5.
 *
 * FTS5's own bm25 gives a word that is in more than half of the passages no weight at all; in the
 * documents of one field those are the very words people ask with. This one uses Lucene's weight,
 * counts the fields together before it saturates (BM25F), and prefers passages that have more of
 * what was asked.
 */
#pragma once
#include "store/db.h"

/* passage_rank(words, k): higher is better; NULL for a row that is certainly not among the k best
 * (k = 0: every row is wanted, because something else chooses among them). */
#define RANK_FUNCTION "passage_rank"

MUST_CHECK int rank_register(struct db *db, struct err *err);
