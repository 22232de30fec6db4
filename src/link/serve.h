/* serve.h - the control link between the supervisor and each role (descriptor 3 of the role).
 *
 * serve -> role: SETTINGS first, and again after each reload; PEER whenever a link to another role
 * is made or made anew; LISTENER (api and keep); DRAIN: finish what is in flight, take no more,
 * exit 0.
 * role -> serve: READY once; RELINK when a link ended though neither side did; from api alone also
 * STATUS, STOP and RELOAD. serve answers those only to the role that may ask. When this link ends,
 * the role ends: a role does not outlive serve, except keep, which a later serve takes over.
 */
#pragma once
#include "link/link.h"

enum serve_verb {
        SERVE_SETTINGS = 1, /* event, serve -> role */
        SERVE_PEER,         /* event, serve -> role, 1 descriptor: our end of the link */
        SERVE_LISTENER,     /* event, serve -> role, 1 descriptor: see serve_listener */
        SERVE_DRAIN,        /* event, serve -> role: serve_stop */
        SERVE_READY,        /* event, role -> serve */
        SERVE_STATUS,       /* request, api -> serve; one part a role */
        SERVE_STOP,         /* request, api -> serve */
        SERVE_RELOAD,       /* request, api -> serve; parts: what changed, what needs a restart */
        SERVE_RELINK,       /* event, role -> serve: serve_peer; a new pair to that role, please */
};

struct serve_settings {
        struct slice pairs; /* name NUL value NUL, ... : the whole checked configuration */
};
struct serve_peer {
        char name[16]; /* the role at the other end */
};
struct serve_listener {
        /* launch: "gpus", see link/gpu.h; api: listening sockets "unix" and "tcp", and before "tcp" the files "tls-cert" and
         * "tls-key"; keep: "keep", where a later serve knocks */
        char name[16];
};
struct serve_ready {
        char build_id[65]; /* must equal serve's own */
};
struct serve_empty {
        uint32_t unused;
};
struct serve_status {
        char role[16];
        char state[16]; /* starting ready failed draining */
        uint32_t pid;
        uint32_t restarts;
        uint64_t since_ms; /* wall clock of the last start */
        char reason[256];  /* why it last ended */
};
struct serve_stop {
        uint32_t all; /* 1: sandboxes too */
};
struct serve_change {
        char option[64];
        uint32_t applied; /* 0: needs a restart */
};

extern const struct link_spec serve_link;
