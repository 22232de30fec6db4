/* models_pack.h - the published files of a volume become a packed file, in a parse sandbox. */
#pragma once
#include "link/rag.h"
#include "rag/index.h"

/* Writes what the sandbox sends to fd: as hostile as the volume, to be checked by embed_open. */
MUST_CHECK int models_pack(const struct index_host *host, const struct rag_model_add *rq, int fd,
                           struct err *err);
