/* tree_copy.h - whole folders between here and a place that has files ("sandboxes", "volumes"), as a
 * tar archive in one request, with modes and links. The archive is written and read by the program
 * libexec/paddock/unpack, which is kept to that folder: what comes is a stranger's. */
#pragma once
#include "cli/client.h"

MUST_CHECK int tree_send(struct client *c, const char *kind, const char *name, const char *path,
                         const char *folder, struct err *err);
/* Into the folder, which is made. -ENOTDIR and the like: see client_call. */
MUST_CHECK int tree_receive(struct client *c, const char *kind, const char *name, const char *path,
                            const char *folder, struct err *err);
