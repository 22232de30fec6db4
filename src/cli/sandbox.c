#include "cli/simple.h"
#include "base/str.h"

static const char *outcome(const json_t *sandbox, char *dst, size_t size)
{
        const json_t *result = json_object_get(sandbox, "result");
        const char *reason = get_str(result, "reason");
        if (!json_is_object(result))
                snprintf(dst, size, "-");
        else if (str_eq(reason, "exited"))
                snprintf(dst, size, "exit %llu", (unsigned long long)get_u64(result, "exit_code"));
        else
                snprintf(dst, size, "%s", reason);
        return dst;
}

/* The command in one line, cut where a table would grow too wide. */
static void command_text(const json_t *sandbox, char *dst, size_t size)
{
        const json_t *argv = json_object_get(sandbox, "argv");
        size_t n = 0;
        dst[0] = '\0';
        for (size_t i = 0; i < json_array_size(argv) && n + 1 < size; i++) {
                const char *word = json_string_value(json_array_get(argv, i));
                int w = snprintf(dst + n, size - n, "%s%s", i ? " " : "", word ? word : "?");
                n += w > 0 ? (size_t)w : 0;
        }
        if (n >= size)
                dst[utf8_clip(dst, size - 1, size - 1)] = '\0';
        for (char *s = dst; *s; s++)
                if (*s == '\n')
                        *s = ' ';
}

static void print_list(const json_t *answer)
{
        static const char *const titles[] = {"ID",     "NAME",    "STATE", "CREATED",
                                             "RESULT", "COMMAND", NULL};
        CLEANUP(table_freep) struct table *t = table_new(titles);
        size_t i;
        json_t *s;
        char when[32], how[64], argv[64];
        json_array_foreach((json_t *)list_in(answer, "sandboxes"), i, s)
        {
                command_text(s, argv, sizeof argv);
                table_cell(t, "%s", get_str(s, "id"));
                table_cell(t, "%s", *get_str(s, "name") ? get_str(s, "name") : "-");
                table_cell(t, "%s", get_str(s, "state"));
                table_cell(t, "%s", local_time(when, get_u64(s, "created_ms")));
                table_cell(t, "%s", outcome(s, how, sizeof how));
                table_cell(t, "%s", argv);
        }
        table_print(t);
}

static int list(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, 4096);
        int r = buf_adds(&b, "/v1/sandboxes");
        r = r < 0 ? r : url_query(&b, "label", flag_text(inv, "label"));
        r = r < 0 ? r : url_query(&b, "all", flag_given(inv, "all") ? "true" : NULL);
        return simple_call(inv, SERVER_START, "GET", r < 0 ? "/" : buf_text(&b), NULL, print_list);
}

static const struct flag list_flags[] = {
        {.o = {.name = "label", .type = OPTION_STR, .max = 320, .doc = "Only those that have it."},
         .letter = 'l',
         .arg = "KEY=VALUE"},
        {.o = {.name = "all", .doc = "Operators: everybody's."}},
        FLAGS_END,
};

static int show(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "GET",
                           target_of(&b, "/v1/sandboxes/", inv->operands[0], ""), NULL, out_json);
}

static int stop(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        json_t *body = json_pack("{s:I}", "grace_ms", (json_int_t)flag_u64(inv, "grace", 10000));
        return simple_call(inv, SERVER_START, "POST",
                           target_of(&b, "/v1/sandboxes/", inv->operands[0], "/stop"), body, NULL);
}

static int remove_it(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "DELETE",
                           target_of(&b, "/v1/sandboxes/", inv->operands[0], ""), NULL, NULL);
}

const struct command command_sandbox_list = {
        .name = "sandbox list",
        .operands = "",
        .summary = "List your sandboxes, running and ended.",
        .flags = list_flags,
        .run = list,
};

const struct command command_sandbox_show = {
        .name = "sandbox show",
        .operands = "SANDBOX",
        .summary = "Show one sandbox: its command, state, result and enforcement record.",
        .details = "A sandbox is named by its id or by its name.",
        .min_operands = 1,
        .max_operands = 1,
        .run = show,
};

static const struct flag stop_flags[] = {
        {.o = {.name = "grace",
               .type = OPTION_MS,
               .max = 3600000,
               .doc = "Time between the request to end (SIGTERM) and the kill; default 10s."},
         .arg = "TIME"},
        FLAGS_END,
};

const struct command command_sandbox_stop = {
        .name = "sandbox stop",
        .operands = "SANDBOX",
        .summary = "Ask a sandbox to end, and kill it after the grace time.",
        .flags = stop_flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = stop,
};

const struct command command_sandbox_remove = {
        .name = "sandbox remove",
        .operands = "SANDBOX",
        .summary = "End a sandbox if it still runs, and forget it, its output and its result.",
        .min_operands = 1,
        .max_operands = 1,
        .run = remove_it,
};
