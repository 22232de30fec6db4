/* desk.h - the vault's own socket, as commands use it: one question, then its answer's parts. */
#pragma once
#include "cli/command.h"
#include "link/desk.h"

/* A connection to the vault of the server that the invocation means. -EPERM: for operators. */
MUST_CHECK int desk_connect(const struct invocation *inv, struct err *err);
MUST_CHECK int desk_ask(int fd, uint32_t verb, const void *req, struct err *err);
/* One part of the answer, decoded into rep, which points into storage[LINK_MESSAGE_MAX]: 1 when more
 * follow. */
MUST_CHECK int desk_hear(int fd, char *storage, uint32_t verb, void *rep, struct err *err);
