#include "link/launch.h"

static const struct wire_field id_fields[] = {WIRE_STR(struct launch_id, id), WIRE_END};
static const struct wire_field empty_fields[] = {WIRE_U32(struct launch_empty, unused), WIRE_END};
static const struct wire_field signal_fields[] = {WIRE_STR(struct launch_signal, id),
                                                  WIRE_U32(struct launch_signal, signal), WIRE_END};
static const struct wire_field stop_fields[] = {WIRE_STR(struct launch_stop, id),
                                                WIRE_U32(struct launch_stop, grace_ms), WIRE_END};
static const struct wire_field mount_fields[] = {
        WIRE_STR(struct launch_mount, volume), WIRE_STR(struct launch_mount, subpath),
        WIRE_STR(struct launch_mount, target), WIRE_U32(struct launch_mount, read_only), WIRE_END};
static const struct wire_type mount_type = {"mount", sizeof(struct launch_mount), mount_fields};

#define S struct launch_spec
static const struct wire_field spec_fields[] = {WIRE_STR(S, id),
                                                WIRE_STR(S, image),
                                                WIRE_STR(S, hostname),
                                                WIRE_STR(S, workdir),
                                                WIRE_U32(S, profile),
                                                WIRE_U32(S, cpu_milli),
                                                WIRE_U32(S, pids),
                                                WIRE_U64(S, memory_bytes),
                                                WIRE_U64(S, disk_bytes),
                                                WIRE_U64(S, wall_ms),
                                                WIRE_LIST(S, mounts, n_mounts, &mount_type),
                                                WIRE_END};
#undef S
#define C struct launch_created
static const struct wire_field created_fields[] = {WIRE_STR(C, enforcement.driver),
                                                   WIRE_STR(C, enforcement.namespaces),
                                                   WIRE_STR(C, enforcement.ids),
                                                   WIRE_STR(C, enforcement.seccomp),
                                                   WIRE_STR(C, enforcement.cgroup),
                                                   WIRE_STR(C, enforcement.network),
                                                   WIRE_STR(C, enforcement.missing),
                                                   WIRE_U64(C, enforcement.capabilities),
                                                   WIRE_U32(C, enforcement.no_new_privs),
                                                   WIRE_U32(C, enforcement.landlock_abi),
                                                   WIRE_U32(C, enforcement.memory_limit),
                                                   WIRE_U32(C, enforcement.cpu_limit),
                                                   WIRE_U32(C, enforcement.pids_limit),
                                                   WIRE_U32(C, enforcement.disk_limit),
                                                   WIRE_U64(C, start_us),
                                                   WIRE_END};
#undef C
#define R struct launch_result
static const struct wire_field result_fields[] = {WIRE_STR(R, id),
                                                  WIRE_U32(R, state),
                                                  WIRE_U32(R, reason),
                                                  WIRE_U32(R, exit_code),
                                                  WIRE_U32(R, signal),
                                                  WIRE_U32(R, profile),
                                                  WIRE_STR(R, cause),
                                                  WIRE_U64(R, run_ms),
                                                  WIRE_U64(R, cpu_us),
                                                  WIRE_U64(R, peak_memory_bytes),
                                                  WIRE_END};
#undef R

static const struct wire_type id = {"id", sizeof(struct launch_id), id_fields};
static const struct wire_type empty = {"empty", sizeof(struct launch_empty), empty_fields};
static const struct wire_type spec = {"spec", sizeof(struct launch_spec), spec_fields};
static const struct wire_type created = {"created", sizeof(struct launch_created), created_fields};
static const struct wire_type result = {"result", sizeof(struct launch_result), result_fields};
static const struct wire_type signal_type = {"signal", sizeof(struct launch_signal), signal_fields};
static const struct wire_type stop = {"stop", sizeof(struct launch_stop), stop_fields};

static const struct link_verb verbs[] = {
        {LAUNCH_CREATE, "create", &spec, &created, 1, 3},
        {LAUNCH_EXITED, "exited", &result, NULL, 0, 0},
        {LAUNCH_QUERY, "query", &id, &result, 0, 0},
        {LAUNCH_SIGNAL, "signal", &signal_type, &empty, 0, 0},
        {LAUNCH_STOP, "stop", &stop, &empty, 0, 0},
        {LAUNCH_FORGET, "forget", &id, &empty, 0, 0},
        {LAUNCH_LIST, "list", &empty, &result, 0, 0},
        {LAUNCH_VOLUME_CREATE, "volume-create", &id, &empty, 0, 0},
        {LAUNCH_VOLUME_REMOVE, "volume-remove", &id, &empty, 0, 0},
};
const struct link_spec launch_link = {"launch", 1, verbs, ARRAY_LEN(verbs), 0};

const char *launch_reason_text(uint32_t reason)
{
        static const char *const names[] = {
                [BOX_EXITED] = "exited", [BOX_SIGNAL] = "signal", [BOX_WALL] = "wall",
                [BOX_OOM] = "oom",       [BOX_KILLED] = "killed", [BOX_LOST] = "lost"};
        return reason < ARRAY_LEN(names) && names[reason] ? names[reason] : "unknown";
}
