/* The list of commands, in the order of the overview. */
#include "cli/command.h"

#define COMMANDS(X)                                                                                \
        X(run)                                                                                     \
        X(sandbox_list)                                                                            \
        X(sandbox_show)                                                                            \
        X(sandbox_stop)                                                                            \
        X(sandbox_remove)                                                                          \
        X(wait)                                                                                    \
        X(logs)                                                                                    \
        X(index)                                                                                   \
        X(search)                                                                                  \
        X(ask)                                                                                     \
        X(docs_list)                                                                               \
        X(docs_show) X(docs_remove) X(docs_status) X(volume_create) X(volume_list) X(volume_show)  \
                X(volume_ls) X(volume_put) X(volume_get) X(volume_rm) X(volume_remove) X(serve)    \
                        X(status) X(stop) X(reload) X(doctor) X(config_show) X(config_check)       \
                                X(config_example) X(token_create) X(token_list) X(token_revoke)    \
                                        X(help)

#define DECLARE(name) extern const struct command command_##name;
#define POINTER(name) &command_##name,

COMMANDS(DECLARE)

const struct command *const commands[] = {COMMANDS(POINTER)};
const size_t commands_n = sizeof commands / sizeof commands[0];
