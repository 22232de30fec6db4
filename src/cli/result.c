#include "cli/result.h"
#include "cli/command.h"
#include "cli/out.h"
#include "base/str.h"

int result_exit_code(const json_t *result)
{
        const char *reason = get_str(result, "reason");
        const char *state = get_str(result, "state"); /* of an index run; it has no reason */
        uint64_t signal = get_u64(result, "signal");
        if (*state)
                return str_eq(state, "done") ? EXIT_DONE : EXIT_FAILED;
        if (str_eq(reason, "exited"))
                return (int)get_u64(result, "exit_code") & 0xff;
        if (str_eq(reason, "wall") || str_eq(reason, "idle") || str_eq(reason, "cpu"))
                return EXIT_TIME_LIMIT;
        if (str_eq(reason, "disk") || str_eq(reason, "output") || str_eq(reason, "policy"))
                return 128 + 9; /* killed for what it did, as at the memory limit */
        if (str_eq(reason, "oom"))
                return EXIT_MEMORY;
        if ((str_eq(reason, "signal") || str_eq(reason, "killed")) && signal)
                return 128 + (int)(signal & 0x7f);
        return str_eq(reason, "killed") ? 128 + 9 : EXIT_LOST;
}

static void explain(const char *what, const char *why)
{
        fprintf(stderr, "paddock: %s: ", what);
        out_line(stderr, why);
        fputc('\n', stderr);
}

void result_explain(const json_t *result)
{
        const char *reason = get_str(result, "reason"), *cause = get_str(result, "cause");
        char time[32], size[24];
        if (str_eq(get_str(result, "state"), "failed"))
                explain(json_object_get(result, "image") ? "the image was not built"
                                                         : "indexing failed",
                        reason);
        else if (str_eq(reason, "wall"))
                fprintf(stderr, "paddock: the sandbox reached its time limit after %s\n",
                        str_from_ms(time, sizeof time, get_u64(result, "run_ms")));
        else if (str_eq(reason, "oom"))
                fprintf(stderr, "paddock: the sandbox reached its memory limit (peak %s)\n",
                        str_from_bytes(size, sizeof size, get_u64(result, "peak_memory_bytes")));
        else if (str_eq(reason, "idle"))
                fprintf(stderr, "paddock: the sandbox was idle too long\n");
        else if (str_eq(reason, "cpu"))
                fprintf(stderr, "paddock: the sandbox used up its processor time\n");
        else if (str_eq(reason, "disk"))
                fprintf(stderr, "paddock: the sandbox reached its disk limit\n");
        else if (str_eq(reason, "output"))
                fprintf(stderr, "paddock: the sandbox wrote more than its output limit (%s)\n",
                        str_from_bytes(size, sizeof size, get_u64(result, "output_bytes")));
        else if (str_eq(reason, "policy"))
                fprintf(stderr, "paddock: the sandbox was ended by policy\n");
        else if (str_eq(reason, "lost"))
                explain("the sandbox was lost", *cause ? cause : "the server does not know why");
        uint64_t dropped = get_u64(result, "output_dropped");
        if (dropped)
                fprintf(stderr, "paddock: %s of output were not stored\n",
                        str_from_bytes(size, sizeof size, dropped));
}

static void print_value(const char *key, const json_t *v)
{
        fprintf(stderr, "  %-16s ", key);
        if (json_is_string(v))
                fprintf(stderr, "%s\n", *json_string_value(v) ? json_string_value(v) : "-");
        else if (json_is_boolean(v))
                fprintf(stderr, "%s\n", json_is_true(v) ? "yes" : "no");
        else if (json_is_integer(v))
                fprintf(stderr, "%lld\n", (long long)json_integer_value(v));
        else
                fprintf(stderr, "-\n");
}

void result_print_enforcement(const json_t *enforcement, const json_t *result)
{
        const char *key;
        json_t *v;
        char size[24];
        fprintf(stderr,
                "time: waited %llu ms, started in %.1f ms, ran %.3f s, %.3f s of cpu, peak memory "
                "%s, read %llu, wrote %llu bytes\n",
                (unsigned long long)get_u64(result, "queue_ms"),
                (double)get_u64(result, "start_us") / 1000,
                (double)get_u64(result, "run_ms") / 1000, (double)get_u64(result, "cpu_us") / 1e6,
                str_from_bytes(size, sizeof size, get_u64(result, "peak_memory_bytes")),
                (unsigned long long)get_u64(result, "io_read_bytes"),
                (unsigned long long)get_u64(result, "io_write_bytes"));
        fprintf(stderr, "in force:\n");
        json_object_foreach((json_t *)enforcement, key, v)
        {
                print_value(key, v);
        }
}
