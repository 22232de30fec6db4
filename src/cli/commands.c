/* The list of commands, in the order of the overview. */
#include "cli/command.h"

extern const struct command command_run, command_sandbox_list, command_sandbox_show,
        command_sandbox_stop, command_sandbox_remove, command_wait, command_logs, command_index,
        command_search, command_ask, command_docs_list, command_docs_show, command_docs_remove,
        command_docs_status, command_volume_create, command_volume_list, command_volume_show,
        command_volume_ls, command_volume_put, command_volume_get, command_volume_rm,
        command_volume_remove, command_serve, command_status, command_stop, command_reload,
        command_doctor, command_config_show, command_config_check, command_config_example,
        command_token_create, command_token_list, command_token_revoke, command_help,
        command_secret_set, command_secret_list, command_secret_rotate, command_secret_remove,
        command_secret_unlock;

const struct command *const commands[] = {
        &command_run,           &command_sandbox_list,   &command_sandbox_show,
        &command_sandbox_stop,  &command_sandbox_remove, &command_wait,
        &command_logs,          &command_index,          &command_search,
        &command_ask,           &command_docs_list,      &command_docs_show,
        &command_docs_remove,   &command_docs_status,    &command_volume_create,
        &command_volume_list,   &command_volume_show,    &command_volume_ls,
        &command_volume_put,    &command_volume_get,     &command_volume_rm,
        &command_volume_remove, &command_serve,          &command_status,
        &command_stop,          &command_reload,         &command_doctor,
        &command_config_show,   &command_config_check,   &command_config_example,
        &command_token_create,  &command_token_list,     &command_token_revoke,
        &command_secret_set,    &command_secret_list,    &command_secret_rotate,
        &command_secret_remove, &command_secret_unlock,  &command_help,
};
const size_t commands_n = sizeof commands / sizeof commands[0];
