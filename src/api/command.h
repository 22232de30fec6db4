/* command.h - a command from a request: checked, and as the sealed memfd that init gets
 * (link/launch.h). */
#pragma once
#include "base/json.h"

/* argv and env of the body. Without argv, where may_be_absent: a command of no words. The memfd, or
 * -EINVAL with the field's name. */
MUST_CHECK int command_of(const json_t *body, bool may_be_absent, struct err *err);
/* PATH and HOME, where env does not say them: programs and shells take them for granted. */
void command_env(json_t *body);
/* The beginning of argv: enough to know it again. A new reference. */
json_t *command_kept(const json_t *argv);
/* SHA-256 over a salt, argv and env: whether two commands are the same, and nothing else, can be
 * told from it. */
void command_digest(const json_t *body, const char *salt, char ret[65]);
