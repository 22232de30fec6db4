/* deliver.h - file secrets: places on a ramfs of the sandbox that vault writes into. launch passes
 * open descriptors on; it never sees a value.
 */
#pragma once
#include "link/launch.h"
#include "net/peer.h"

struct box;

struct deliver {
        uint32_t n;
        char owner[NAME_TEXT_MAX + 1];
        struct launch_secret *list; /* NULL: none */
        int fds[BOX_SECRETS_MAX];
};

void deliver_init(struct deliver *d);
void deliver_done(struct deliver *d);
void deliver_prepare(struct deliver *d, const struct launch_spec *spec);
/* From inside, before HELLO: the place of the i-th secret; taken from *fd. -EPROTO. */
MUST_CHECK int deliver_take(struct deliver *d, uint32_t i, int *fd);
/* Asks vault to write all; how many answers come to fn. -EAGAIN: vault is not there. */
MUST_CHECK int deliver_all(struct box *b, peer_answer_fn fn, struct err *err);

/* In the child, in the new root. The place is a file of a ramfs of its own; the target leads there. */
MUST_CHECK int deliver_mount(int root, struct err *err);
/* A descriptor that may write to the place. */
MUST_CHECK int deliver_place(int root, const char *target, uint32_t i, bool own, struct err *err);
