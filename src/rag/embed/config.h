/* config.h - what a model is, from its publisher's JSON files: the head of the packed file. */
#pragma once
#include "rag/embed/model.h"
#include "rag/embed/pack.h"

MUST_CHECK int config_read(const struct pack_files *f, const struct pack_options *o,
                           struct model_head *ret, struct err *err);
/* Whether tokenizer_config.json wants small letters; true where it does not say. */
bool config_lower(const struct pack_files *f);
