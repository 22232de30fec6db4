/* gate.h - verbs of the gate. Asker: launch, which opens the listening sockets inside each sandbox's
 * network namespace and hands them over: who calls is known from the descriptor and from nothing
 * that the caller says.
 */
#pragma once
#include "link/link.h"

enum gate_verb {
        GATE_LISTEN =
                1,  /* gate_listener + [listening socket] -> gate_empty; replaces an older one */
        GATE_CLOSE, /* event: gate_id: its listeners and connections end */
};

enum gate_kind {
        GATE_HTTP = 1, /* 127.0.0.1:3128: a proxy for plain HTTP and CONNECT */
        GATE_SOCKS,    /* 127.0.0.1:1080: SOCKS5 by host name */
};

struct gate_empty {
        uint32_t unused;
};
struct gate_id {
        char id[ID_TEXT_LEN + 1];
};
struct gate_listener {
        char id[ID_TEXT_LEN + 1]; /* the sandbox */
        uint32_t kind;            /* enum gate_kind */
};

extern const struct link_spec gate_link;
