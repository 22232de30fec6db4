/* model.h - the published files of a model, in a folder, to its packed file. */
#pragma once
#include "link/parse.h"
#include "rag/embed/pack.h"

/* Each file is mapped while it is read; it is of the volume and may be anything. */
MUST_CHECK int model_pack_folder(int root, const struct parse_pack *rq, pack_sink put, void *ctx,
                                 struct err *err);
