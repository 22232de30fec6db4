#include "link/init.h"

static const struct wire_field hello_fields[] = {WIRE_STR(struct init_hello, build_id), WIRE_END};
static const struct wire_field failed_fields[] = {WIRE_I64(struct init_failed, code),
                                                  WIRE_STR(struct init_failed, text), WIRE_END};
static const struct wire_field path_fields[] = {WIRE_STR(struct init_path, path), WIRE_END};
static const struct wire_type path = {"path", sizeof(struct init_path), path_fields};
static const struct wire_field start_fields[] = {
        WIRE_U64(struct init_start, wall_ms), WIRE_STR(struct init_start, workdir),
        WIRE_LIST(struct init_start, writable, n_writable, &path), WIRE_END};
static const struct wire_field started_fields[] = {WIRE_U32(struct init_started, pid), WIRE_END};
static const struct wire_field signal_fields[] = {WIRE_U32(struct init_signal, signal), WIRE_END};
static const struct wire_field stop_fields[] = {WIRE_U64(struct init_stop, grace_ms), WIRE_END};
static const struct wire_field exited_fields[] = {
        WIRE_U32(struct init_exited, reason), WIRE_U32(struct init_exited, exit_code),
        WIRE_U32(struct init_exited, signal), WIRE_U64(struct init_exited, run_ms), WIRE_END};

static const struct wire_type hello = {"hello", sizeof(struct init_hello), hello_fields};
static const struct wire_type failed = {"failed", sizeof(struct init_failed), failed_fields};
static const struct wire_type start = {"start", sizeof(struct init_start), start_fields};
static const struct wire_type started = {"started", sizeof(struct init_started), started_fields};
static const struct wire_type signal_type = {"signal", sizeof(struct init_signal), signal_fields};
static const struct wire_type stop = {"stop", sizeof(struct init_stop), stop_fields};
static const struct wire_type exited = {"exited", sizeof(struct init_exited), exited_fields};

static const struct link_verb verbs[] = {
        {INIT_HELLO, "hello", &hello, NULL, 0, 0},
        {INIT_FAILED, "failed", &failed, NULL, 0, 0},
        {INIT_START, "start", &start, &started, 4, 0},
        {INIT_SIGNAL, "signal", &signal_type, NULL, 0, 0},
        {INIT_STOP, "stop", &stop, NULL, 0, 0},
        {INIT_EXITED, "exited", &exited, NULL, 0, 0},
};
const struct link_spec init_link = {"init", 1, verbs, ARRAY_LEN(verbs), 1};
