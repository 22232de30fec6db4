#include "cli/foreground.h"
#include "cli/attach.h"
#include "cli/out.h"
#include "cli/result.h"
#include "base/limits.h"
#include <signal.h>

/* The result with what the command printed: --json. */
static void print_json(const struct attach *a, json_t *sandbox)
{
        static const char *const keys[] = {"stdout", "stderr"};
        json_object_set(sandbox, "result", a->result);
        json_object_set_new(sandbox, "state", json_string("ended"));
        if (a->enforcement)
                json_object_set(sandbox, "enforcement", a->enforcement);
        for (int i = 0; i < 2; i++)
                json_object_set_new(sandbox, keys[i],
                                    json_str_lossy(buf_text(a->capture[i]), a->capture[i]->len));
        out_json(sandbox);
}

int foreground(const struct invocation *inv, json_t *sandbox, const char *box, bool use_stdin)
{
        struct err err = {0};
        CLEANUP(buf_done) struct buf out = {0};
        CLEANUP(buf_done) struct buf errors = {0};
        buf_init(&out, BOX_LOG_MAX);
        buf_init(&errors, BOX_LOG_MAX);
        struct attach a = {.inv = inv,
                           .id = box ? box : get_str(sandbox, "id"),
                           .exec = box ? get_str(sandbox, "id") : NULL,
                           .tty = flag_given(inv, "tty"),
                           .use_stdin = use_stdin};
        if (inv->json) {
                a.capture[0] = &out;
                a.capture[1] = &errors;
        }
        int r = attach_run(&a, &err);
        auto_json json_t *enforcement = a.enforcement, *result = a.result;
        if (r < 0) {
                fail(r, &err);
                return r == -ECANCELED ? 128 + SIGINT : EXIT_LOST;
        }
        if (inv->json)
                print_json(&a, sandbox);
        else
                result_explain(result);
        if (!box && flag_given(inv, "show-enforcement"))
                result_print_enforcement(enforcement ? enforcement
                                                     : json_object_get(sandbox, "enforcement"),
                                         result);
        return result_exit_code(result);
}
