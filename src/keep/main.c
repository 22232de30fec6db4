/* The role keep: stores descriptors so that sandboxes outlive every other role, serve included. It
 * reads none of them. With nothing stored and no serve it ends after IDLE_MS. */
#include "keep/store.h"
#include "role/role.h"
#include <sys/resource.h>

#define IDLE_MS   10000
#define SPARE_FDS 64 /* for the links and for what a message brings before it is refused */

struct keep {
        struct role_run *run;
        struct store *store;
};

static void on_put(void *ctx, struct peer_request *rq, const void *req, int *fds, uint32_t n_fds)
{
        struct keep *k = ctx;
        int r = store_put(k->store, req, fds, n_fds);
        if (r == 0)
                peer_reply(rq, &(struct keep_done){n_fds}, NULL, 0, false);
        else
                peer_fail(rq, r, "%s", r == -EMFILE ? "the descriptor store is full" : "bad key");
}

static void on_get(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                   uint32_t n_fds UNUSED)
{
        struct keep *k = ctx;
        uint32_t n;
        const int *stored = store_get(k->store, req, &n);
        if (stored)
                peer_reply(rq, &(struct keep_done){n}, stored, n, false);
        else
                peer_fail(rq, -ENOENT, "nothing is stored under that id");
}

static void on_drop(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                    uint32_t n_fds UNUSED)
{
        struct keep *k = ctx;
        peer_reply(rq, &(struct keep_done){store_drop(k->store, req)}, NULL, 0, false);
}

static void on_list(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                    uint32_t n_fds UNUSED)
{
        struct keep *k = ctx;
        const struct keep_key *key = req;
        struct keep_entry e;
        for (size_t i = 0; store_nth(k->store, key->id, i, &e); i++)
                peer_reply(rq, &e, NULL, 0, true);
        peer_reply(rq, &(struct keep_entry){0}, NULL, 0, false);
}

/* api has a right to the outer ends of stdio and to nothing else: not to init's socket. */
#define API_NAME "stdio"

static void on_api_put(void *ctx, struct peer_request *rq, const void *req, int *fds, uint32_t n)
{
        const struct keep_key *key = req;
        if (strcmp(key->name, API_NAME) == 0)
                on_put(ctx, rq, req, fds, n);
        else
                peer_fail(rq, -EPERM, "not api's to store");
}

static void on_api_get(void *ctx, struct peer_request *rq, const void *req, int *fds, uint32_t n)
{
        const struct keep_key *key = req;
        if (strcmp(key->name, API_NAME) == 0)
                on_get(ctx, rq, req, fds, n);
        else
                peer_fail(rq, -ENOENT, "nothing is stored under that id");
}

static void on_api_drop(void *ctx, struct peer_request *rq, const void *req, int *fds, uint32_t n)
{
        struct keep_key key = *(const struct keep_key *)req;
        memcpy(key.name, API_NAME, sizeof API_NAME);
        on_drop(ctx, rq, &key, fds, n);
}

static const struct peer_handler launch_handlers[] = {{KEEP_PUT, on_put},
                                                      {KEEP_GET, on_get},
                                                      {KEEP_DROP, on_drop},
                                                      {KEEP_LIST, on_list},
                                                      {0, NULL}};
static const struct peer_handler api_handlers[] = {
        {KEEP_PUT, on_api_put}, {KEEP_GET, on_api_get}, {KEEP_DROP, on_api_drop}, {0, NULL}};
static const struct peer_ops launch_ops = {&keep_link, launch_handlers, NULL};
static const struct peer_ops api_ops = {&keep_link, api_handlers, NULL};

static void leave_when_idle(void *ctx)
{
        struct keep *k = ctx;
        if (store_count(k->store) == 0 && !peer_alive(role_serve(k->run)))
                role_drained(k->run);
        else
                loop_timer_add(role_loop(k->run), IDLE_MS, leave_when_idle, k);
}

/* serve goes, the sandboxes stay: only an empty store ends, unless all is to end. */
static void drain(void *ctx)
{
        struct keep *k = ctx;
        if (store_count(k->store) == 0 || role_stopping_all(k->run))
                role_drained(k->run);
}

static struct keep keep;

static int start(struct role_run *run, void **ret_ctx, struct err *err)
{
        struct rlimit fds = {0};
        if (getrlimit(RLIMIT_NOFILE, &fds) < 0 || fds.rlim_cur <= SPARE_FDS)
                return err_set(err, -EMFILE, "no descriptors to keep anything");
        keep = (struct keep){run, store_new(fds.rlim_cur - SPARE_FDS)};
        loop_timer_add(role_loop(run), IDLE_MS, leave_when_idle, &keep);
        *ret_ctx = &keep;
        return 0;
}

int main(void)
{
        static const struct role_peer peers[] = {
                {"launch", &launch_ops}, {"api", &api_ops}, {NULL, NULL}};
        static const struct role role = {
                .name = "keep", .peers = peers, .start = start, .drain = drain};
        int r = role_main(&role);
        if (keep.store)
                store_free(keep.store);
        return r;
}
