/* `paddock sandbox stats`, `events`, `freeze` and `thaw`. */
#include "cli/simple.h"
#include "cli/sse.h"
#include "base/clock.h"
#include "base/str.h"

#define RETRY_MS 30000

/* ---- stats ---- */

static void print_stats(const json_t *s)
{
        char memory[24], peak[24], in[24], out[24];
        printf("cpu %.3f s, memory %s (peak %s), %llu processes, read %s, written %s%s\n",
               (double)get_u64(s, "cpu_us") / 1e6,
               str_from_bytes(memory, sizeof memory, get_u64(s, "memory_bytes")),
               str_from_bytes(peak, sizeof peak, get_u64(s, "peak_memory_bytes")),
               (unsigned long long)get_u64(s, "pids"),
               str_from_bytes(in, sizeof in, get_u64(s, "io_read_bytes")),
               str_from_bytes(out, sizeof out, get_u64(s, "io_write_bytes")),
               json_is_true(json_object_get(s, "frozen")) ? ", frozen" : "");
        fflush(stdout);
}

static int stats(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(client_freep) struct client *c = NULL;
        CLEANUP(buf_done) struct buf b = {0};
        const char *target = target_of(&b, "/v1/sandboxes/", inv->operands[0], "/stats");
        uint64_t every = flag_u64(inv, "watch", 0);
        int r = server_connect(inv, SERVER_START, &c, &err);
        for (bool first = true; r >= 0; first = false) {
                auto_json json_t *s = NULL;
                r = client_call(c, "GET", target, NULL, &s, &err);
                if (r == -EALREADY && !first)
                        return EXIT_DONE; /* it has ended while it was watched */
                if (r < 0)
                        break;
                if (inv->json)
                        out_json(s);
                else
                        print_stats(s);
                if (!every)
                        return EXIT_DONE;
                fflush(stdout);
                clock_sleep_ms(every);
        }
        return fail(r, &err);
}

static const struct flag stats_flags[] = {
        {.o = {.name = "watch",
               .type = OPTION_MS,
               .min = 100,
               .max = 3600000,
               .doc = "Again and again, so often, until the sandbox has ended."},
         .arg = "TIME"},
        FLAGS_END,
};

const struct command command_sandbox_stats = {
        .name = "sandbox stats",
        .operands = "SANDBOX",
        .summary = "Say what a running sandbox uses: cpu, memory, processes, input and output.",
        .flags = stats_flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = stats,
};

/* ---- events ---- */

struct follow {
        const struct invocation *inv;
        bool ended;
};

static void print_event(const struct follow *f, const struct sse_event *e)
{
        auto_json json_t *o = json_loads(e->data, 0, NULL);
        char when[32];
        if (f->inv->json) {
                printf("%s\n", e->data[0] ? e->data : "{}");
        } else if (o) {
                const char *more = get_str(o, "exec");
                const char *reason = get_str(json_object_get(o, "result"), "reason");
                printf("%s  %s  %s%s%s%s%s\n", local_time(when, get_u64(o, "time_ms")),
                       get_str(o, "sandbox"), e->event, *more ? "  " : "", more,
                       *reason ? "  " : "", reason);
        }
        fflush(stdout);
}

static int read_events(struct follow *f, const char *target, struct err *err)
{
        CLEANUP(client_freep) struct client *c = NULL;
        CLEANUP(sse_done) struct sse sse;
        struct client_request rq = {.method = "GET", .target = target};
        struct sse_event e;
        struct slice part;
        sse_init(&sse);
        int r = server_connect(f->inv, SERVER_START, &c, err);
        r = r < 0 ? r : client_send(c, &rq, err);
        r = r < 0 ? r : client_answer(c, NULL, err);
        while (r >= 0 && (r = client_read(c, &part, err)) == 1) {
                int n;
                while ((n = sse_next(&sse, &part, &e)) == 1) {
                        print_event(f, &e);
                        f->ended |= f->inv->n_operands && str_eq(e.event, "ended");
                }
                if (n < 0)
                        return err_set(err, n, "the server broke the protocol of events");
        }
        return r;
}

static int events(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(buf_done) struct buf b = {0};
        struct follow f = {.inv = inv};
        const char *target = inv->n_operands
                                     ? target_of(&b, "/v1/sandboxes/", inv->operands[0], "/events")
                             : flag_given(inv, "all") ? "/v1/sandboxes/events?all=true"
                                                      : "/v1/sandboxes/events";
        int r = read_events(&f, target, &err);
        if (r < 0 && !f.ended)
                return fail(r, &err);
        return EXIT_DONE;
}

static const struct flag events_flags[] = {
        {.o = {.name = "all", .doc = "Operators: everybody's."}},
        FLAGS_END,
};

const struct command command_sandbox_events = {
        .name = "sandbox events",
        .operands = "[SANDBOX]",
        .summary = "Say what happens to sandboxes as it happens.",
        .details = "Of one sandbox: all that is known, until it has ended. Else: whatever comes, "
                   "until interrupted. With --json one object a line. Events: created, started, "
                   "exec, exec-ended, frozen, thawed, ended.",
        .flags = events_flags,
        .max_operands = 1,
        .run = events,
};

/* ---- freeze, thaw ---- */

static int post(struct invocation *inv, const char *what)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "POST",
                           target_of(&b, "/v1/sandboxes/", inv->operands[0], what), json_object(),
                           NULL);
}

static int freeze(struct invocation *inv)
{
        return post(inv, "/freeze");
}

static int thaw(struct invocation *inv)
{
        return post(inv, "/thaw");
}

const struct command command_sandbox_freeze = {
        .name = "sandbox freeze",
        .operands = "SANDBOX",
        .summary = "Let nothing in a sandbox run until it is used again.",
        .min_operands = 1,
        .max_operands = 1,
        .run = freeze,
};

const struct command command_sandbox_thaw = {
        .name = "sandbox thaw",
        .operands = "SANDBOX",
        .summary = "Let a frozen sandbox run again.",
        .min_operands = 1,
        .max_operands = 1,
        .run = thaw,
};
