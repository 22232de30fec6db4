/* The second half of `paddock index`: the progress of a job until it has ended. */
#include "cli/index.h"
#include "cli/docs.h"
#include "cli/out.h"
#include "cli/server.h"
#include "cli/sse.h"
#include "base/clock.h"
#include "base/str.h"
#include <signal.h>

#define RETRY_MS 30000

struct watch {
        struct progress progress;
        json_t *last;     /* progress object */
        json_t *reported; /* paths whose problem was printed: events are told again after a cut */
        bool ended;
};

static char farewell[128]; /* for the signal handler: prepared before it is installed */

static void on_interrupt(int signo)
{
        ssize_t n = write(STDERR_FILENO, farewell, strlen(farewell));
        (void)n; /* nothing can be done about it here */
        _exit(128 + signo);
}

void index_problem(struct progress *p, const char *path, const char *reason)
{
        progress_clear(p);
        out_line(stderr, path);
        fputs(": ", stderr);
        out_line(stderr, reason);
        fputc('\n', stderr);
}

static void on_progress(struct watch *w, json_t *j)
{
        const char *path = get_str(j, "path"), *reason = get_str(j, "reason");
        char what[64];
        if (*path && *reason && !json_object_get(w->reported, path)) {
                json_object_set_new(w->reported, path, json_true());
                index_problem(&w->progress, path, reason);
        }
        snprintf(what, sizeof what, "indexing (%llu passages)",
                 (unsigned long long)get_u64(j, "passages"));
        if (str_eq(get_str(j, "state"), "embedding"))
                progress_show(&w->progress, "found by word; learning what passages mean",
                              get_u64(j, "embedded"), get_u64(j, "to_embed"));
        else
                progress_show(&w->progress, what, get_u64(j, "done"), get_u64(j, "total"));
        json_decref(w->last);
        w->last = json_incref(j);
}

static int on_event(struct watch *w, const struct sse_event *e, struct err *err)
{
        auto_json json_t *j = NULL;
        int r = json_parse(e->data, strlen(e->data), &j, err);
        if (r < 0)
                return err_wrap(err, -EPROTO, "an event of the server");
        if (str_eq(e->event, "progress") || str_eq(e->event, "end"))
                on_progress(w, j);
        w->ended = w->ended || str_eq(e->event, "end");
        return 0;
}

static int follow(struct watch *w, const struct invocation *inv, const char *id, struct err *err)
{
        CLEANUP(client_freep) struct client *c = NULL;
        CLEANUP(sse_done) struct sse sse;
        char target[96];
        struct slice part;
        struct sse_event e;
        sse_init(&sse);
        snprintf(target, sizeof target, "/v1/index/jobs/%.40s/events", id);
        struct client_request rq = {.method = "GET", .target = target};
        int r = server_connect(inv, SERVER_START, &c, err);
        r = r < 0 ? r : client_send(c, &rq, err);
        r = r < 0 ? r : client_answer(c, NULL, err);
        while (r >= 0 && !w->ended && (r = client_read(c, &part, err)) == 1) {
                while (!w->ended && (r = sse_next(&sse, &part, &e)) == 1) {
                        r = on_event(w, &e, err);
                        if (r < 0)
                                return r;
                }
                if (r < 0)
                        return err_set(err, r, "the server sent an event that is too long");
        }
        if (r >= 0 && !w->ended)
                return err_set(err, -EPIPE, "the server ended the events");
        return r;
}

/* A run that ended before we came to listen has told nobody what it could not read: the list of
 * documents has it too. */
static void report_untold(struct watch *w, const struct invocation *inv)
{
        auto_json json_t *answer = NULL;
        size_t i;
        json_t *d;
        bool all_told = json_object_size(w->reported) >= get_u64(w->last, "failed");
        if (all_told || get_u64(w->last, "changed") == 0 || docs_all(inv, &answer, NULL) < 0)
                return;
        json_array_foreach(json_object_get(answer, "documents"), i, d)
        {
                const char *path = get_str(d, "path");
                if (*get_str(d, "reason") && !json_object_get(w->reported, path))
                        index_problem(&w->progress, path, get_str(d, "reason"));
        }
}

static int summary(const struct watch *w, const struct invocation *inv)
{
        const json_t *p = w->last;
        const char *state = get_str(p, "state"), *reason = get_str(p, "reason");
        bool failed = str_eq(state, "failed") || str_eq(state, "lost");
        if (inv->json && p)
                out_json(p);
        if (failed) {
                fprintf(stderr, "paddock: indexing failed: ");
                out_line(stderr, reason);
                fputc('\n', stderr);
                return EXIT_FAILED;
        }
        if (!inv->json)
                printf("%llu files: %llu indexed anew, %llu removed, %llu not readable; %llu "
                       "passages written\n",
                       (unsigned long long)get_u64(p, "total"),
                       (unsigned long long)get_u64(p, "changed"),
                       (unsigned long long)get_u64(p, "removed"),
                       (unsigned long long)get_u64(p, "failed"),
                       (unsigned long long)get_u64(p, "passages"));
        return EXIT_DONE;
}

int index_watch(const struct invocation *inv, const char *id)
{
        struct err err = {0};
        auto_json json_t *reported = json_object();
        struct watch w = {.reported = reported};
        progress_init(&w.progress);
        snprintf(farewell, sizeof farewell,
                 "\npaddock: indexing goes on; 'paddock wait %.40s' waits for its end\n", id);
        signal(SIGINT, on_interrupt);
        signal(SIGTERM, on_interrupt);
        int r;
        uint64_t end = 0; /* of trying again; a connection that came about starts it anew */
        while ((r = follow(&w, inv, id, &err)) < 0 && !w.ended) {
                bool again = r == -EPIPE || r == -ECONNREFUSED || r == -EAGAIN || r == -EPROTO;
                uint64_t now = clock_boot_ms();
                if (r == -EPIPE || end == 0)
                        end = now + RETRY_MS;
                if (!again || now > end)
                        break;
                clock_sleep_ms(100);
        }
        progress_clear(&w.progress);
        if (w.ended)
                report_untold(&w, inv);
        int code = w.ended ? summary(&w, inv) : fail(r, &err);
        json_decref(w.last);
        return code;
}
