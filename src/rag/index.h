/* index.h - one index job: scan, compare with the catalog, parse what changed, remove what is
 * gone.
 *
 * When the words of everything are in, the vectors that are missing are made (rag/embedding.h), if
 * there is a model; searches go on all the while.
 *
 * Plain blocking code for a thread of its own. Each file's result is committed with its passages;
 * killed at any point, the next job goes on where this one was. What it needs from outside is the
 * host: something that makes parse sandboxes (in the role: launch).
 */
#pragma once
#include "link/rag.h"
#include "rag/embedder.h"
#include "rag/segment/space.h"

#define INDEX_BOXES        2  /* parse sandboxes at once */
#define INDEX_FILES_SECOND 16 /* changed files from which a second one is worth its start */
#define INDEX_BYTES_SECOND (2u << 20)
#define INDEX_GONE_MANY    16 /* so many files at once do not vanish by hand: nothing is deleted */

struct index_box {
        int in, out;  /* stdin and stdout of the parse program; closed by the job */
        void *handle; /* the host's own */
};
struct index_host {
        void *ctx;
        /* Called from the job's threads; may block. */
        int (*open)(void *ctx, const char *volume, struct index_box *ret, struct err *err);
        /* Ends it and says how it had ended by itself, or "". */
        void (*close)(void *ctx, struct index_box *box, char reason[128]);
};
struct models; /* rag/models.h */
struct index_job {
        const struct rag_index *rq;
        struct spaces *spaces;
        struct models *models;     /* NULL: words alone */
        struct embedder *embedder; /* with models */
        const struct index_host *host;
        /* Called from the job's threads, one at a time; about ten a second, and each file that is
         * not wholly indexed. */
        void (*progress)(void *ctx, const struct rag_progress *p);
        void *ctx;
        const bool *stop; /* set by another thread: end soon */
        uint64_t file_ms; /* for one file; 0 = as parser.h has it */
};

/* *ret is the last state of the progress: RAG_DONE, or RAG_FAILED with the reason, which is also
 * in err. */
int index_run(const struct index_job *job, struct rag_progress *ret, struct err *err);
