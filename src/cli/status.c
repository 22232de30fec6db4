#include "cli/simple.h"
#include "base/clock.h"
#include "base/str.h"

static void print_roles(const json_t *roles)
{
        static const char *const titles[] = {"ROLE",  "STATE",  ">PID", ">RESTARTS",
                                             "SINCE", "REASON", NULL};
        CLEANUP(table_freep) struct table *t = table_new(titles);
        size_t i;
        json_t *role;
        char when[32];
        json_array_foreach((json_t *)roles, i, role)
        {
                table_cell(t, "%s", get_str(role, "role"));
                table_cell(t, "%s", get_str(role, "state"));
                table_cell(t, "%llu", (unsigned long long)get_u64(role, "pid"));
                table_cell(t, "%llu", (unsigned long long)get_u64(role, "restarts"));
                table_cell(t, "%s", local_time(when, get_u64(role, "since_ms")));
                table_cell(t, "%s", *get_str(role, "reason") ? get_str(role, "reason") : "-");
        }
        table_print(t);
}

static void print_counts(const char *what, const json_t *counts)
{
        const char *key, *comma = "";
        json_t *n;
        printf("%s: ", what);
        json_object_foreach((json_t *)counts, key, n)
        {
                if (!json_is_integer(n))
                        continue;
                printf("%s%lld %s", comma, (long long)json_integer_value(n), key);
                comma = ", ";
        }
        putchar('\n');
}

static void print_status(const json_t *answer)
{
        char up[32];
        const json_t *user = json_object_get(answer, "user"),
                     *jobs = json_object_get(answer, "jobs");
        printf("Paddock %s: %s, up %s; you are %s%s\n", get_str(answer, "version"),
               get_str(answer, "status"), str_from_ms(up, sizeof up, get_u64(answer, "uptime_ms")),
               get_str(user, "name"),
               json_is_true(json_object_get(user, "operator")) ? ", an operator" : "");
        print_counts("sandboxes", json_object_get(jobs, "sandbox"));
        print_counts("index runs", json_object_get(jobs, "index"));
        print_counts("documents", json_object_get(answer, "docs"));
        putchar('\n');
        print_roles(list_in(answer, "roles"));
}

/* Asks until the server is ready or the time is over. */
static int wait_ready(const struct invocation *inv)
{
        struct err err = {0};
        uint64_t end = clock_boot_ms() + flag_u64(inv, "timeout", 30000);
        int r;
        while ((r = server_answers(inv, &err)) < 0 && r != -EINVAL && clock_boot_ms() < end) {
                clock_sleep_ms(20);
        }
        return r < 0 ? fail(r, &err) : EXIT_DONE;
}

static int status(struct invocation *inv)
{
        int code = flag_given(inv, "wait") ? wait_ready(inv) : EXIT_DONE;
        if (code != EXIT_DONE)
                return code;
        return simple_call(inv, SERVER_ASK_ONLY, "GET", "/v1/status", NULL, print_status);
}

static const struct flag status_flags[] = {
        {.o = {.name = "wait", .doc = "Wait until the server is ready."}},
        {.o = {.name = "timeout",
               .type = OPTION_MS,
               .max = 3600000,
               .doc = "How long to wait at most; default 30s."},
         .arg = "TIME"},
        FLAGS_END,
};

const struct command command_status = {
        .name = "status",
        .operands = "",
        .summary = "Show the server, its roles and how often each was restarted.",
        .flags = status_flags,
        .run = status,
};
