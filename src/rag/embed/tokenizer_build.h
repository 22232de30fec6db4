/* tokenizer_build.h - a model's tokenizer from its publisher's files to the tables of tokenizer.h.
 *
 * From tokenizer.json: models WordPiece and Unigram with the normalisers and pre-tokenisers of
 * BERT, MPNet and XLM-R; anything else is refused by name, because a vector of other pieces is a
 * wrong vector. Truncation and padding in the file are for its own library and are not used. From
 * vocab.txt: BERT's WordPiece, small letters or as they are.
 */
#pragma once
#include "link/wire.h"

#define TOKENIZER_TABLES_MAX (256u << 20)

/* Both replace what is in *ret (made with buf_init by the caller). -EINVAL: what cannot be done. */
MUST_CHECK int tokenizer_build_json(struct slice json, struct buf *ret, struct err *err);
MUST_CHECK int tokenizer_build_vocab(struct slice vocab, bool lower, struct buf *ret,
                                     struct err *err);
