#include "link/serve.h"

static const struct wire_field settings_fields[] = {
        WIRE_BYTES(struct serve_settings, pairs, LINK_MESSAGE_MAX - 64), WIRE_END};
static const struct wire_field peer_fields[] = {WIRE_STR(struct serve_peer, name), WIRE_END};
static const struct wire_field listener_fields[] = {WIRE_STR(struct serve_listener, name),
                                                    WIRE_END};
static const struct wire_field ready_fields[] = {WIRE_STR(struct serve_ready, build_id), WIRE_END};
static const struct wire_field empty_fields[] = {WIRE_U32(struct serve_empty, unused), WIRE_END};
static const struct wire_field status_fields[] = {WIRE_STR(struct serve_status, role),
                                                  WIRE_STR(struct serve_status, state),
                                                  WIRE_U32(struct serve_status, pid),
                                                  WIRE_U32(struct serve_status, restarts),
                                                  WIRE_U64(struct serve_status, since_ms),
                                                  WIRE_STR(struct serve_status, reason),
                                                  WIRE_END};
static const struct wire_field stop_fields[] = {WIRE_U32(struct serve_stop, all), WIRE_END};
static const struct wire_field change_fields[] = {WIRE_STR(struct serve_change, option),
                                                  WIRE_U32(struct serve_change, applied), WIRE_END};

static const struct wire_type settings = {"settings", sizeof(struct serve_settings),
                                          settings_fields};
static const struct wire_type peer = {"peer", sizeof(struct serve_peer), peer_fields};
static const struct wire_type listener = {"listener", sizeof(struct serve_listener),
                                          listener_fields};
static const struct wire_type ready = {"ready", sizeof(struct serve_ready), ready_fields};
static const struct wire_type empty = {"empty", sizeof(struct serve_empty), empty_fields};
static const struct wire_type status = {"status", sizeof(struct serve_status), status_fields};
static const struct wire_type stop = {"stop", sizeof(struct serve_stop), stop_fields};
static const struct wire_type change = {"change", sizeof(struct serve_change), change_fields};

static const struct link_verb verbs[] = {
        {SERVE_SETTINGS, "settings", &settings, NULL, 0, 0},
        {SERVE_PEER, "peer", &peer, NULL, 1, 0},
        {SERVE_LISTENER, "listener", &listener, NULL, 1, 0},
        {SERVE_DRAIN, "drain", &stop, NULL, 0, 0},
        {SERVE_READY, "ready", &ready, NULL, 0, 0},
        {SERVE_STATUS, "status", &empty, &status, 0, 0},
        {SERVE_STOP, "stop", &stop, &empty, 0, 0},
        {SERVE_RELOAD, "reload", &empty, &change, 0, 0},
        {SERVE_RELINK, "relink", &peer, NULL, 0, 0},
};
const struct link_spec serve_link = {"serve", 1, verbs, ARRAY_LEN(verbs), 1};
