/* files_pool.h - files of volumes, through sandboxes that have them mounted.
 *
 * api opens no file of a volume: a sandbox of profile BOX_FILES does, with the volume at /volume,
 * and speaks link/files.h over its stdio. Such a sandbox serves one operation at a time, is kept
 * for the next one for ten seconds, and is thrown away when it breaks the protocol. At most
 * POOL_VOLUME_MAX work on one volume; further operations wait.
 *
 * An operation is started, gives its news through callbacks (never from inside files_start), and is
 * over with `done`, called once; or with files_drop, after which nothing is called.
 */
#pragma once
#include "api/api.h"
#include "link/files.h"
#include "link/launch.h"

#define POOL_VOLUME_MAX 4

struct pool;
struct files_op;

struct files_calls {
        void (*file)(void *ctx, const struct files_file *f); /* once; LIST: each */
        void (*data)(void *ctx, const char *p, size_t n);    /* GET, PACK */
        void (*writable)(void *ctx); /* PUT, UNPACK: files_put takes again */
        /* err is set when the operation failed; else the program's own DONE. */
        void (*done)(void *ctx, const struct files_done *d, const struct err *err);
};

struct pool *pool_new(struct api *a); /* never NULL */
void pool_free(struct pool *p);       /* NULL is fine; operations end silently */

/* verb and req as link/files.h has them; PUT and UNPACK are followed by files_put
 * and files_put_end. */
struct files_op *files_start(struct pool *p, const char *volume, uint32_t verb, const void *req,
                             const struct files_calls *calls, void *ctx);
/* The same in a user's sandbox that runs: the program is an exec there, its root is "/". */
struct files_op *files_start_in(struct pool *p, const char *sandbox, uint32_t verb, const void *req,
                                const struct files_calls *calls, void *ctx);
size_t files_put(struct files_op *op, const char *p, size_t n); /* bytes taken; 0: wait */
void files_put_end(struct files_op *op, bool keep);
void files_pause(struct files_op *op, bool pause); /* no data for a while */
void files_drop(struct files_op *op);              /* NULL is fine; an open body is not kept */

/* No sandbox of ours has the volume any more (it is going to be removed). */
void pool_leave(struct pool *p, const char *volume);
/* LAUNCH_EXITED: true when it was one of ours. */
bool pool_exited(struct pool *p, const struct launch_result *r);
/* LAUNCH_EXEC_EXITED, the same. */
bool pool_exec_exited(struct pool *p, const struct launch_exec_result *r);
void pool_launch_up(struct pool *p);                   /* launch is there again */
bool pool_owns(const struct pool *p, const char *box); /* the id of a sandbox */
