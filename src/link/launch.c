#include "link/launch.h"

static const struct wire_field id_fields[] = {WIRE_STR(struct launch_id, id), WIRE_END};
static const struct wire_field empty_fields[] = {WIRE_U32(struct launch_empty, unused), WIRE_END};
static const struct wire_field signal_fields[] = {WIRE_STR(struct launch_signal, id),
                                                  WIRE_U32(struct launch_signal, signal), WIRE_END};
static const struct wire_field stop_fields[] = {WIRE_STR(struct launch_stop, id),
                                                WIRE_U32(struct launch_stop, grace_ms),
                                                WIRE_U32(struct launch_stop, reason), WIRE_END};
static const struct wire_field mount_fields[] = {
        WIRE_STR(struct launch_mount, volume), WIRE_STR(struct launch_mount, subpath),
        WIRE_STR(struct launch_mount, target), WIRE_U32(struct launch_mount, read_only), WIRE_END};
static const struct wire_type mount_type = {"mount", sizeof(struct launch_mount), mount_fields};

static const struct wire_field layer_fields[] = {
        WIRE_STR(struct launch_layer, key), WIRE_U64(struct launch_layer, size_bytes), WIRE_END};
static const struct wire_type layer_type = {"layer", sizeof(struct launch_layer), layer_fields};
static const struct wire_field secret_fields[] = {WIRE_STR(struct launch_secret, secret),
                                                  WIRE_STR(struct launch_secret, target), WIRE_END};
static const struct wire_type secret_type = {"secret", sizeof(struct launch_secret), secret_fields};
static const struct wire_field gpu_fields[] = {WIRE_STR(struct launch_gpu, device), WIRE_END};
static const struct wire_type gpu_type = {"gpu", sizeof(struct launch_gpu), gpu_fields};

#define S struct launch_spec
static const struct wire_field spec_fields[] = {WIRE_STR(S, id),
                                                WIRE_STR(S, image),
                                                WIRE_STR(S, hostname),
                                                WIRE_STR(S, workdir),
                                                WIRE_STR(S, driver),
                                                WIRE_STR(S, template),
                                                WIRE_STR(S, owner),
                                                WIRE_U32(S, profile),
                                                WIRE_U32(S, network),
                                                WIRE_U32(S, disk_backed),
                                                WIRE_U32(S, tty),
                                                WIRE_U32(S, rows),
                                                WIRE_U32(S, cols),
                                                WIRE_U32(S, cpu_milli),
                                                WIRE_U32(S, pids),
                                                WIRE_U64(S, memory_bytes),
                                                WIRE_U64(S, disk_bytes),
                                                WIRE_U64(S, wall_ms),
                                                WIRE_U64(S, idle_ms),
                                                WIRE_U64(S, freeze_ms),
                                                WIRE_U64(S, cpu_ms),
                                                WIRE_U64(S, output_bytes_max),
                                                WIRE_BYTES(S, policy, BOX_POLICY_MAX),
                                                WIRE_LIST(S, mounts, n_mounts, &mount_type),
                                                WIRE_LIST(S, layers, n_layers, &layer_type),
                                                WIRE_LIST(S, secrets, n_secrets, &secret_type),
                                                WIRE_LIST(S, gpus, n_gpus, &gpu_type),
                                                WIRE_END};
#undef S
#define C struct launch_created
static const struct wire_field created_fields[] = {WIRE_STR(C, enforcement.driver),
                                                   WIRE_STR(C, enforcement.namespaces),
                                                   WIRE_STR(C, enforcement.ids),
                                                   WIRE_STR(C, enforcement.seccomp),
                                                   WIRE_STR(C, enforcement.cgroup),
                                                   WIRE_STR(C, enforcement.network),
                                                   WIRE_STR(C, enforcement.start),
                                                   WIRE_STR(C, enforcement.disk),
                                                   WIRE_STR(C, enforcement.missing),
                                                   WIRE_STR(C, enforcement.gpus),
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
                                                  WIRE_U32(R, ready),
                                                  WIRE_STR(R, cause),
                                                  WIRE_U64(R, start_us),
                                                  WIRE_U64(R, run_ms),
                                                  WIRE_U64(R, cpu_us),
                                                  WIRE_U64(R, peak_memory_bytes),
                                                  WIRE_U64(R, io_read_bytes),
                                                  WIRE_U64(R, io_write_bytes),
                                                  WIRE_U64(R, oom_kills),
                                                  WIRE_END};
#undef R
#define E struct launch_exec
static const struct wire_field exec_fields[] = {
        WIRE_STR(E, id),      WIRE_STR(E, exec),    WIRE_U32(E, program),
        WIRE_U32(E, tty),     WIRE_U32(E, rows),    WIRE_U32(E, cols),
        WIRE_U64(E, wall_ms), WIRE_STR(E, workdir), WIRE_END};
#undef E
static const struct wire_field exec_made_fields[] = {WIRE_U64(struct launch_exec_made, start_us),
                                                     WIRE_END};
static const struct wire_field exec_id_fields[] = {WIRE_STR(struct launch_exec_id, id),
                                                   WIRE_STR(struct launch_exec_id, exec), WIRE_END};
static const struct wire_field exec_signal_fields[] = {
        WIRE_STR(struct launch_exec_signal, id), WIRE_STR(struct launch_exec_signal, exec),
        WIRE_U32(struct launch_exec_signal, signal), WIRE_END};
#define R struct launch_exec_result
static const struct wire_field exec_result_fields[] = {
        WIRE_STR(R, id),     WIRE_STR(R, exec),      WIRE_U32(R, state),
        WIRE_U32(R, reason), WIRE_U32(R, exit_code), WIRE_U32(R, signal),
        WIRE_U32(R, tty),    WIRE_U64(R, run_ms),    WIRE_END};
#undef R
#define T struct launch_stats
static const struct wire_field stats_fields[] = {
        WIRE_U64(T, cpu_us),    WIRE_U64(T, memory_bytes),  WIRE_U64(T, peak_memory_bytes),
        WIRE_U64(T, pids),      WIRE_U64(T, io_read_bytes), WIRE_U64(T, io_write_bytes),
        WIRE_U64(T, oom_kills), WIRE_U32(T, frozen),        WIRE_END};
#undef T
static const struct wire_field layer_commit_fields[] = {
        WIRE_STR(struct launch_layer_commit, id), WIRE_STR(struct launch_layer_commit, key),
        WIRE_STR(struct launch_layer_commit, from), WIRE_END};
static const struct wire_field volume_copy_fields[] = {WIRE_STR(struct launch_volume_copy, from),
                                                       WIRE_STR(struct launch_volume_copy, to),
                                                       WIRE_END};

#define Q struct launch_volume_quota
static const struct wire_field volume_quota_fields[] = {WIRE_STR(Q, id), WIRE_U64(Q, bytes),
                                                        WIRE_END};
#undef Q
static const struct wire_field volume_made_fields[] = {WIRE_STR(struct launch_volume_made, quota),
                                                       WIRE_END};
static const struct wire_type volume_quota = {"volume-quota", sizeof(struct launch_volume_quota),
                                              volume_quota_fields};
static const struct wire_type volume_made = {"volume-made", sizeof(struct launch_volume_made),
                                             volume_made_fields};

static const struct wire_type id = {"id", sizeof(struct launch_id), id_fields};
static const struct wire_type empty = {"empty", sizeof(struct launch_empty), empty_fields};
static const struct wire_type spec = {"spec", sizeof(struct launch_spec), spec_fields};
static const struct wire_type created = {"created", sizeof(struct launch_created), created_fields};
static const struct wire_type result = {"result", sizeof(struct launch_result), result_fields};
static const struct wire_type signal_type = {"signal", sizeof(struct launch_signal), signal_fields};
static const struct wire_type stop = {"stop", sizeof(struct launch_stop), stop_fields};

static const struct wire_type exec = {"exec", sizeof(struct launch_exec), exec_fields};
static const struct wire_type exec_made = {"exec-made", sizeof(struct launch_exec_made),
                                           exec_made_fields};
static const struct wire_type exec_id = {"exec-id", sizeof(struct launch_exec_id), exec_id_fields};
static const struct wire_type exec_signal = {"exec-signal", sizeof(struct launch_exec_signal),
                                             exec_signal_fields};
static const struct wire_type exec_result = {"exec-result", sizeof(struct launch_exec_result),
                                             exec_result_fields};
static const struct wire_type stats = {"stats", sizeof(struct launch_stats), stats_fields};
static const struct wire_type layer_commit = {"layer-commit", sizeof(struct launch_layer_commit),
                                              layer_commit_fields};
static const struct wire_type volume_copy = {"volume-copy", sizeof(struct launch_volume_copy),
                                             volume_copy_fields};

static const struct wire_field policy_fields[] = {
        WIRE_STR(struct launch_policy, id),
        WIRE_BYTES(struct launch_policy, policy, BOX_POLICY_MAX), WIRE_END};
static const struct wire_type policy = {"policy", sizeof(struct launch_policy), policy_fields};

static const struct link_verb verbs[] = {
        {LAUNCH_CREATE, "create", &spec, &created, 1, 3},
        {LAUNCH_READY, "ready", &id, NULL, 0, 0},
        {LAUNCH_EXITED, "exited", &result, NULL, 0, 0},
        {LAUNCH_QUERY, "query", &id, &result, 0, 0},
        {LAUNCH_SIGNAL, "signal", &signal_type, &empty, 0, 0},
        {LAUNCH_STOP, "stop", &stop, &empty, 0, 0},
        {LAUNCH_FORGET, "forget", &id, &empty, 0, 0},
        {LAUNCH_LIST, "list", &empty, &result, 0, 0},
        {LAUNCH_VOLUME_CREATE, "volume-create", &id, &empty, 0, 0},
        {LAUNCH_VOLUME_REMOVE, "volume-remove", &id, &empty, 0, 0},
        {LAUNCH_EXEC, "exec", &exec, &exec_made, 1, 3},
        {LAUNCH_EXEC_EXITED, "exec-exited", &exec_result, NULL, 0, 0},
        {LAUNCH_EXEC_SIGNAL, "exec-signal", &exec_signal, &empty, 0, 0},
        {LAUNCH_EXEC_FORGET, "exec-forget", &exec_id, &empty, 0, 0},
        {LAUNCH_EXEC_LIST, "exec-list", &empty, &exec_result, 0, 0},
        {LAUNCH_TOUCH, "touch", &id, NULL, 0, 0},
        {LAUNCH_STATS, "stats", &id, &stats, 0, 0},
        {LAUNCH_FREEZE, "freeze", &id, &empty, 0, 0},
        {LAUNCH_THAW, "thaw", &id, &empty, 0, 0},
        {LAUNCH_POLICY, "policy", &policy, &empty, 0, 0},
        {LAUNCH_LAYER_COMMIT, "layer-commit", &layer_commit, &layer_type, 0, 0},
        {LAUNCH_LAYER_SNAPSHOT, "layer-snapshot", &layer_commit, &layer_type, 0, 0},
        {LAUNCH_LAYER_HAVE, "layer-have", &layer_type, &layer_type, 0, 0},
        {LAUNCH_LAYER_REMOVE, "layer-remove", &layer_type, &empty, 0, 0},
        {LAUNCH_LAYER_LIST, "layer-list", &empty, &layer_type, 0, 0},
        {LAUNCH_VOLUME_QUOTA, "volume-quota", &volume_quota, &volume_made, 0, 0},
        {LAUNCH_VOLUME_COPY, "volume-copy", &volume_copy, &empty, 0, 0},
};
const struct link_spec launch_link = {"launch", 1, verbs, ARRAY_LEN(verbs), 0};

const char *launch_reason_text(uint32_t reason)
{
        static const char *const names[] = {
                [BOX_EXITED] = "exited", [BOX_SIGNAL] = "signal", [BOX_WALL] = "wall",
                [BOX_OOM] = "oom",       [BOX_KILLED] = "killed", [BOX_LOST] = "lost",
                [BOX_IDLE] = "idle",     [BOX_CPU] = "cpu",       [BOX_DISK] = "disk",
                [BOX_OUTPUT] = "output", [BOX_POLICY] = "policy"};
        return reason < ARRAY_LEN(names) && names[reason] ? names[reason] : "unknown";
}
