#include "cli/box_request.h"
#include "cli/foreground.h"
#include "cli/simple.h"
#include "base/str.h"

static const struct flag flags[] = {
        BOX_FLAGS,
        STDIN_FLAG,
        {.o = {.name = "detach",
               .doc = "Print the id and return; 'paddock wait' and 'paddock logs' "
                      "find it."},
         .letter = 'd'},
        {.o = {.name = "show-enforcement",
               .doc = "Afterwards say on standard error how long it took and what protected the "
                      "machine from it."}},
        FLAGS_END,
};

static int create(const struct invocation *inv, json_t **ret, struct err *err)
{
        auto_json json_t *body = NULL;
        CLEANUP(client_freep) struct client *c = NULL;
        int r = box_request(inv, inv->operands, wants_stdin(inv), &body, err);
        r = r < 0 ? r : server_connect(inv, SERVER_START, &c, err);
        r = r < 0 ? r : client_call(c, "POST", "/v1/sandboxes", body, ret, err);
        if (r == -EPIPE)
                return err_wrap(err, r,
                                "whether it was started is not known, 'paddock sandbox "
                                "list' tells");
        return r;
}

static int run(struct invocation *inv)
{
        struct err err = {0};
        auto_json json_t *sandbox = NULL;
        int r = create(inv, &sandbox, &err);
        if (r < 0) {
                int status = fail(r, &err);
                return r == -EIO ? EXIT_LOST : status; /* not 1: that could be the command's own */
        }
        if (!flag_given(inv, "detach"))
                return foreground(inv, sandbox, NULL, wants_stdin(inv));
        if (inv->json)
                out_json(sandbox);
        else
                puts(get_str(sandbox, "id"));
        return EXIT_DONE;
}

const struct command command_run = {
        .name = "run",
        .operands = "[--] COMMAND [ARGUMENT]...",
        .summary = "Run a command in a sandbox of its own.",
        .details =
                "The command sees a read-only system, an empty /work, no network and nothing of "
                "this machine's files but the volumes that are named. Its standard input, output "
                "and error are this command's, and its exit code too: 128 and the number when a "
                "signal ended it, 124 at the time limit, 137 at the memory limit, 125 when the "
                "sandbox was lost.\n\nCtrl-C is passed on; a second one kills the sandbox. When "
                "the server restarts meanwhile, the command comes back to its sandbox by itself.",
        .flags = flags,
        .min_operands = 1,
        .max_operands = ANY_OPERANDS,
        .flags_first = true,
        .run = run,
};
