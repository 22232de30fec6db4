#include "cli/simple.h"

static void print_reload(const json_t *answer)
{
        size_t i;
        json_t *change;
        const json_t *changes = list_in(answer, "changes");
        json_array_foreach((json_t *)changes, i, change)
        {
                printf("%s: %s\n", get_str(change, "option"),
                       json_is_true(json_object_get(change, "applied")) ? "applied"
                                                                        : "needs a restart");
        }

        if (json_array_size(changes) == 0)
                puts("Nothing has changed.");
}

static int reload(struct invocation *inv)
{
        return simple_call(inv, SERVER_ASK_ONLY, "POST", "/v1/reload", json_object(), print_reload);
}

const struct command command_reload = {
        .name = "reload",
        .operands = "",
        .summary =
                "Read the configuration again and say what was applied and what needs a restart.",
        .run = reload,
};
