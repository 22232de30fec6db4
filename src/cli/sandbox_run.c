/* `paddock sandbox create` and `exec`: sandboxes that stay, and commands in them. */
#include "cli/box_request.h"
#include "cli/foreground.h"
#include "cli/simple.h"
#include "base/mem.h"
#include "base/str.h"

static int create(struct invocation *inv)
{
        struct err err = {0};
        auto_json json_t *body = NULL, *made = NULL;
        CLEANUP(client_freep) struct client *c = NULL;
        int r = box_request(inv, inv->operands, flag_given(inv, "stdin"), &body, &err);
        r = r < 0 ? r : server_connect(inv, SERVER_START, &c, &err);
        r = r < 0 ? r : client_call(c, "POST", "/v1/sandboxes", body, &made, &err);
        if (r < 0)
                return fail(r, &err);
        if (inv->json)
                out_json(made);
        else
                puts(get_str(made, "id"));
        return EXIT_DONE;
}

static const struct flag create_flags[] = {
        BOX_FLAGS,
        {.o = {.name = "stdin", .doc = "Keep the command's standard input open for a client."}},
        FLAGS_END,
};

const struct command command_sandbox_create = {
        .name = "sandbox create",
        .operands = "[[--] COMMAND [ARGUMENT]...]",
        .summary = "Make a sandbox that stays, and print its id.",
        .details = "Without a command it waits for 'paddock sandbox exec'. It ends by 'paddock "
                   "sandbox stop', by a limit, or when its command ends. A second create with a "
                   "name that runs prints the id of the one that runs; when it was made with "
                   "other values, that is an error which names them.",
        .flags = create_flags,
        .max_operands = ANY_OPERANDS,
        .flags_first = true,
        .run = create,
};

/* ---- exec ---- */

static int exec_body(const struct invocation *inv, json_t **ret, struct err *err)
{
        char *const *argv = inv->operands + 1;
        auto_json json_t *body = json_pack("{s:b}", "stdin", wants_stdin(inv));
        if (argv[0] && str_eq(argv[0], "--"))
                argv++;
        if (!argv[0])
                return err_set(err, -EINVAL, "a command is needed behind the sandbox");
        int r = box_request_command(inv, argv, body, err);
        if (r < 0)
                return r;
        if (flag_given(inv, "workdir"))
                json_object_set_new(body, "workdir", json_string(flag_text(inv, "workdir")));
        if (flag_given(inv, "timeout"))
                json_object_set_new(body, "timeout_ms",
                                    json_integer((json_int_t)flag_u64(inv, "timeout", 0)));
        if (flag_given(inv, "output-limit"))
                json_object_set_new(body, "output_limit_bytes",
                                    json_integer((json_int_t)flag_u64(inv, "output-limit", 0)));
        *ret = TAKE_PTR(body);
        return 0;
}

static int exec(struct invocation *inv)
{
        struct err err = {0};
        auto_json json_t *body = NULL, *made = NULL;
        CLEANUP(client_freep) struct client *c = NULL;
        CLEANUP(buf_done) struct buf b = {0};
        int r = exec_body(inv, &body, &err);
        r = r < 0 ? r : server_connect(inv, SERVER_START, &c, &err);
        r = r < 0 ? r
                  : client_call(c, "POST",
                                target_of(&b, "/v1/sandboxes/", inv->operands[0], "/exec"), body,
                                &made, &err);
        if (r < 0) {
                int status = fail(r, &err);
                return r == -EIO || r == -EPIPE ? EXIT_LOST : status;
        }
        if (!flag_given(inv, "detach"))
                return foreground(inv, made, get_str(made, "sandbox"), wants_stdin(inv));
        if (inv->json)
                out_json(made);
        else
                puts(get_str(made, "id"));
        return EXIT_DONE;
}

static const struct flag exec_flags[] = {
        {.o = {.name = "env",
               .type = OPTION_STR,
               .doc = "Set a variable of the environment; without =VALUE it is taken from here."},
         .letter = 'e',
         .arg = "NAME[=VALUE]",
         .repeated = true},
        {.o = {.name = "workdir",
               .type = OPTION_PATH,
               .doc = "Directory in which the command starts; default that of the sandbox."},
         .letter = 'w',
         .arg = "PATH"},
        {.o = {.name = "timeout",
               .type = OPTION_MS,
               .min = 1,
               .max = BOX_WALL_MS_MAX,
               .doc = "End the command, not the sandbox, after this time; exit code 124."},
         .letter = 't',
         .arg = "TIME"},
        {.o = {.name = "output-limit",
               .type = OPTION_BYTES,
               .min = 1,
               .max = BOX_BYTES_MAX,
               .doc = "End the command when it has written so much."},
         .arg = "SIZE"},
        STDIN_FLAG,
        {.o = {.name = "tty",
               .doc = "Give the command a terminal; this one's size and keys are passed on."}},
        {.o = {.name = "detach",
               .doc = "Print the id of the command and return; 'paddock wait' and 'paddock logs' "
                      "find it."},
         .letter = 'd'},
        FLAGS_END,
};

const struct command command_sandbox_exec = {
        .name = "sandbox exec",
        .operands = "SANDBOX [--] COMMAND [ARGUMENT]...",
        .summary = "Run one more command in a sandbox that runs.",
        .details = "The sandbox is named by its id or name. Standard input, output and error, "
                   "signals and the exit code are as with 'paddock run'; the sandbox goes on "
                   "afterwards.",
        .flags = exec_flags,
        .min_operands = 2,
        .max_operands = ANY_OPERANDS,
        .flags_first = true,
        .run = exec,
};
