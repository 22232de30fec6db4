#include "link/init.h"

static const struct wire_field hello_fields[] = {WIRE_STR(struct init_hello, build_id), WIRE_END};
static const struct wire_field place_fields[] = {WIRE_U32(struct init_place, index), WIRE_END};
static const struct wire_field listening_fields[] = {WIRE_U32(struct init_listening, unused),
                                                     WIRE_END};
static const struct wire_field failed_fields[] = {WIRE_I64(struct init_failed, code),
                                                  WIRE_STR(struct init_failed, text), WIRE_END};
static const struct wire_field path_fields[] = {WIRE_STR(struct init_path, path), WIRE_END};
static const struct wire_type path = {"path", sizeof(struct init_path), path_fields};
static const struct wire_field start_fields[] = {
        WIRE_U64(struct init_start, wall_ms),
        WIRE_STR(struct init_start, workdir),
        WIRE_U32(struct init_start, main),
        WIRE_U32(struct init_start, orphans),
        WIRE_LIST(struct init_start, writable, n_writable, &path),
        WIRE_END};
static const struct wire_field started_fields[] = {WIRE_U32(struct init_started, pid), WIRE_END};
static const struct wire_field signal_fields[] = {WIRE_U32(struct init_signal, signal), WIRE_END};
static const struct wire_field stop_fields[] = {WIRE_U64(struct init_stop, grace_ms), WIRE_END};
static const struct wire_field exited_fields[] = {
        WIRE_U32(struct init_exited, reason), WIRE_U32(struct init_exited, exit_code),
        WIRE_U32(struct init_exited, signal), WIRE_U64(struct init_exited, run_ms), WIRE_END};

#define E struct init_exec
static const struct wire_field exec_fields[] = {
        WIRE_STR(E, exec), WIRE_U32(E, program), WIRE_U32(E, tty),     WIRE_U32(E, rows),
        WIRE_U32(E, cols), WIRE_U64(E, wall_ms), WIRE_STR(E, workdir), WIRE_END};
#undef E
static const struct wire_field exec_id_fields[] = {WIRE_STR(struct init_exec_id, exec), WIRE_END};
static const struct wire_field exec_signal_fields[] = {WIRE_STR(struct init_exec_signal, exec),
                                                       WIRE_U32(struct init_exec_signal, signal),
                                                       WIRE_END};
#define X struct init_exec_exited
static const struct wire_field exec_exited_fields[] = {WIRE_STR(X, exec),      WIRE_U32(X, reason),
                                                       WIRE_U32(X, exit_code), WIRE_U32(X, signal),
                                                       WIRE_U64(X, run_ms),    WIRE_END};
#undef X

static const struct wire_field main_ended_fields[] = {WIRE_U32(struct init_main_ended, status),
                                                      WIRE_END};
static const struct wire_field orphan_fields[] = {WIRE_U32(struct init_orphan, pid),
                                                  WIRE_U32(struct init_orphan, status), WIRE_END};
static const struct wire_type main_ended = {"main_ended", sizeof(struct init_main_ended),
                                            main_ended_fields};
static const struct wire_type orphan = {"orphan", sizeof(struct init_orphan), orphan_fields};
static const struct wire_type hello = {"hello", sizeof(struct init_hello), hello_fields};
static const struct wire_type place = {"place", sizeof(struct init_place), place_fields};
static const struct wire_type listening = {"listening", sizeof(struct init_listening),
                                           listening_fields};
static const struct wire_type failed = {"failed", sizeof(struct init_failed), failed_fields};
static const struct wire_type start = {"start", sizeof(struct init_start), start_fields};
static const struct wire_type started = {"started", sizeof(struct init_started), started_fields};
static const struct wire_type signal_type = {"signal", sizeof(struct init_signal), signal_fields};
static const struct wire_type stop = {"stop", sizeof(struct init_stop), stop_fields};
static const struct wire_type exited = {"exited", sizeof(struct init_exited), exited_fields};
static const struct wire_type exec = {"exec", sizeof(struct init_exec), exec_fields};
static const struct wire_type exec_id = {"exec-id", sizeof(struct init_exec_id), exec_id_fields};
static const struct wire_type exec_signal = {"exec-signal", sizeof(struct init_exec_signal),
                                             exec_signal_fields};
static const struct wire_type exec_exited = {"exec-exited", sizeof(struct init_exec_exited),
                                             exec_exited_fields};

static const struct link_verb verbs[] = {
        {INIT_HELLO, "hello", &hello, NULL, 1, 0},
        {INIT_FAILED, "failed", &failed, NULL, 0, 0},
        {INIT_START, "start", &start, &started, 4, 0},
        {INIT_SIGNAL, "signal", &signal_type, NULL, 0, 0},
        {INIT_STOP, "stop", &stop, NULL, 0, 0},
        {INIT_EXITED, "exited", &exited, NULL, 0, 0},
        {INIT_EXEC, "exec", &exec, &started, 4, 1},
        {INIT_EXEC_SIGNAL, "exec-signal", &exec_signal, NULL, 0, 0},
        {INIT_EXEC_EXITED, "exec-exited", &exec_exited, NULL, 0, 0},
        {INIT_EXEC_FIND, "exec-find", &exec_id, &started, 0, 0},
        {INIT_PLACE, "place", &place, NULL, 1, 0},
        {INIT_MAIN_ENDED, "main-ended", &main_ended, NULL, 0, 0},
        {INIT_ORPHAN, "orphan", &orphan, NULL, 0, 0},
        {INIT_LISTENING, "listening", &listening, NULL, 2, 0},
};
const struct link_spec init_link = {"init", 2, verbs, ARRAY_LEN(verbs), 1};
