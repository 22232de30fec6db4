/* link.h - messages between two roles over one SOCK_SEQPACKET pair.
 *
 * A message is a 24-byte head, a payload (one encoded struct, see wire.h) and up to LINK_FDS_MAX
 * descriptors. Each pair of roles has one header in this folder that lists its verbs; a `struct
 * link_spec` is that list as data. A request carries an id chosen by the asker; the answer repeats
 * it. An answer may come in parts (LINK_MORE on all but the last). An event is a message that
 * nobody answers, id 0.
 *
 * The more trusted side checks every length: here that is both, always, and by the same code.
 * A message that breaks its verb's table closes the link: the peer is broken or hostile.
 */
#pragma once
#include "base/limits.h"
#include "link/wire.h"

enum link_flag { LINK_REQUEST = 1, LINK_ANSWER = 2, LINK_EVENT = 4, LINK_MORE = 8 };

struct link_verb {
        uint32_t verb;
        const char *name;
        const struct wire_type *req; /* of a request or an event */
        const struct wire_type *rep; /* of each part of the answer; NULL: an event, no answer */
        uint32_t req_fds, rep_fds;   /* most descriptors that may come along */
};

struct link_spec {
        const char *name; /* "api-launch" */
        uint32_t version; /* sent in every head; another is -EPROTO, but for `oldest` */
        const struct link_verb *verbs;
        size_t n_verbs;
        uint32_t oldest; /* links that outlive an upgrade also accept down to this; 0: `version`
                            only */
};

struct link_message {
        uint32_t version; /* received: the sender's; sent: 0 = our own, or the older one the other
                             side has */
        uint32_t verb, flags;
        uint64_t id;
        int32_t status;        /* answers: 0, or a negative errno and the payload is its text */
        struct slice body;     /* points into the storage given to link_recv */
        int fds[LINK_FDS_MAX]; /* owned by whoever received the message */
        uint32_t n_fds;
};

const struct link_verb *link_find(const struct link_spec *spec, uint32_t verb); /* NULL = unknown */
/* An O_CLOEXEC, non-blocking pair. */
MUST_CHECK int link_pair(int ret[2]);
/* Sends one message; borrows m->fds. -EAGAIN (would block), -EPIPE, -E2BIG. */
MUST_CHECK int link_send(int fd, const struct link_spec *spec, const struct link_message *m);
/* Receives one message into storage[LINK_MESSAGE_MAX]. 0 = got one; -EPIPE the end; -EAGAIN;
 * -EPROTO malformed head, wrong version, unknown verb or too many descriptors (all are closed). */
MUST_CHECK int link_recv(int fd, const struct link_spec *spec, char *storage,
                         struct link_message *ret);
void link_close_fds(struct link_message *m); /* closes what is left in m->fds */
