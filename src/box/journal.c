#include "box/journal.h"
#include "base/fd.h"
#include "base/id.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#define FILE_MAX 32768

#define J struct journal
static const struct wire_field id_fields[] = {WIRE_STR(struct launch_id, id), WIRE_END};
static const struct wire_field layer_fields[] = {WIRE_STR(struct launch_layer, key), WIRE_END};
static const struct wire_type layer_type = {"layer", sizeof(struct launch_layer), layer_fields};
static const struct wire_type id_type = {"id", sizeof(struct launch_id), id_fields};
static const struct wire_field gpu_fields[] = {WIRE_STR(struct launch_gpu, device), WIRE_END};
static const struct wire_type gpu_type = {"gpu", sizeof(struct launch_gpu), gpu_fields};
#define E struct launch_exec_result
static const struct wire_field exec_fields[] = {
        WIRE_STR(E, id),     WIRE_STR(E, exec),      WIRE_U32(E, state),
        WIRE_U32(E, reason), WIRE_U32(E, exit_code), WIRE_U32(E, signal),
        WIRE_U32(E, tty),    WIRE_U64(E, run_ms),    WIRE_END};
static const struct wire_type exec_type = {"exec", sizeof(E), exec_fields};
#undef E
static const struct wire_field fields[] = {WIRE_U32(J, stage),
                                           WIRE_STR(J, asker),
                                           WIRE_U32(J, slot),
                                           WIRE_STR(J, parent),
                                           WIRE_U32(J, parent_pid),
                                           WIRE_STR(J, group),
                                           WIRE_U64(J, released_ms),
                                           WIRE_U64(J, wall_ms),
                                           WIRE_U64(J, idle_ms),
                                           WIRE_U64(J, freeze_ms),
                                           WIRE_U64(J, cpu_ms),
                                           WIRE_U32(J, stop_reason),
                                           WIRE_U32(J, init_version),
                                           WIRE_STR(J, result.id),
                                           WIRE_U32(J, result.state),
                                           WIRE_U32(J, result.reason),
                                           WIRE_U32(J, result.exit_code),
                                           WIRE_U32(J, result.signal),
                                           WIRE_U32(J, result.profile),
                                           WIRE_U32(J, result.ready),
                                           WIRE_STR(J, result.cause),
                                           WIRE_U64(J, result.start_us),
                                           WIRE_U64(J, result.run_ms),
                                           WIRE_U64(J, result.cpu_us),
                                           WIRE_U64(J, result.peak_memory_bytes),
                                           WIRE_U64(J, result.io_read_bytes),
                                           WIRE_U64(J, result.io_write_bytes),
                                           WIRE_U64(J, result.oom_kills),
                                           WIRE_LIST(J, volumes, n_volumes, &id_type),
                                           WIRE_LIST(J, execs, n_execs, &exec_type),
                                           WIRE_LIST(J, layers, n_layers, &layer_type),
                                           WIRE_U32(J, runsc),
                                           WIRE_LIST(J, gpus, n_gpus, &gpu_type),
                                           WIRE_U64(J, disk_bytes),
                                           WIRE_U32(J, watched_volumes),
                                           WIRE_U32(J, watched),
                                           WIRE_U32(J, plain),
                                           WIRE_END};
static const struct wire_type type = {"journal", sizeof(struct journal), fields};
#undef J

int journal_write(int dir, const struct journal *j)
{
        CLEANUP(buf_done) struct buf b;
        char head[4] = {0};
        buf_init(&b, FILE_MAX);
        int r = buf_add(&b, head, sizeof head);
        if (r == 0)
                r = wire_encode(&type, j, &b, NULL);
        if (r < 0)
                return r;
        uint32_t n = (uint32_t)(b.len - sizeof head); /* an older, longer record may follow */
        memcpy(b.data, &n, sizeof n);
        auto_close int fd =
                openat(dir, j->result.id, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        return fd < 0 ? -errno : fd_write_all(fd, b.data, b.len);
}

static int read_one(int dir, const char *id, struct journal *ret)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, FILE_MAX);
        int r = file_read_at(dir, id, &b);
        uint32_t n;
        if (r < 0)
                return r;
        if (b.len < sizeof n)
                return -EPROTO;
        memcpy(&n, b.data, sizeof n);
        if (n > b.len - sizeof n)
                return -EPROTO;
        r = wire_decode(&type, b.data + sizeof n, n, ret, NULL);
        if (r == 0 && (strcmp(ret->result.id, id) != 0 || ret->stage < JOURNAL_MAKING ||
                       ret->stage > JOURNAL_ENDED))
                r = -EPROTO;
        return r;
}

int journal_each(int dir, void (*fn)(void *ctx, const struct journal *j), void *ctx)
{
        int copy = dir_open_at(dir, ".");
        DIR *d = copy < 0 ? NULL : fdopendir(copy);
        if (!d) {
                closep(&copy);
                return copy < 0 ? copy : -ENOMEM;
        }
        for (struct dirent *e; (e = readdir(d));) {
                struct journal j;
                if (!id_valid(e->d_name))
                        continue;
                if (read_one(dir, e->d_name, &j) < 0) {
                        memset(&j, 0, sizeof j);
                        snprintf(j.result.id, sizeof j.result.id, "%.26s", e->d_name);
                        memcpy(j.group, j.result.id, sizeof j.group);
                }
                fn(ctx, &j);
        }
        closedir(d);
        return 0;
}

void journal_remove(int dir, const char *id)
{
        unlinkat(dir, id, 0);
}
