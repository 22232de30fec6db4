#include "cli/out.h"
#include "cli/server.h"
#include "base/clock.h"
#include "base/fd.h"
#include "net/stream.h"

#define RETRY_MS 30000

struct reading {
        struct buf in;
        uint64_t offset;
        bool ended;
};

static int on_frame(struct reading *rd, const struct stream_frame *f, struct err *err)
{
        if (f->type == STREAM_RESULT)
                rd->ended = true;
        if (f->type == STREAM_ERROR)
                return err_set(err, -EIO, "%.*s", (int)f->len, f->data);
        if ((f->type != STREAM_STDOUT && f->type != STREAM_STDERR) || f->len < 8)
                return 0;
        uint64_t at = stream_u64(f->data), skip = at < rd->offset ? rd->offset - at : 0;
        size_t n = f->len - 8;
        if (skip >= n)
                return 0;
        int fd = f->type == STREAM_STDERR ? STDERR_FILENO : STDOUT_FILENO;
        rd->offset = at + n;
        return fd_write_all(fd, f->data + 8 + skip, n - (size_t)skip);
}

static int on_bytes(struct reading *rd, struct slice part, struct err *err)
{
        struct stream_frame f;
        int r = buf_add(&rd->in, part.data, part.len);
        while (r >= 0 && (r = stream_next(&rd->in, &f)) == 1) {
                r = on_frame(rd, &f, err);
                buf_consume(&rd->in, STREAM_HEAD + f.len);
        }
        return r;
}

/* One request: all there is, or with follow all until the end. */
static int read_logs(const struct invocation *inv, struct reading *rd, struct err *err)
{
        CLEANUP(client_freep) struct client *c = NULL;
        char target[200];
        struct slice part;
        buf_clear(&rd->in);
        snprintf(target, sizeof target, "/v1/jobs/%.100s/logs?offset=%llu%s", inv->operands[0],
                 (unsigned long long)rd->offset, flag_given(inv, "follow") ? "&follow=true" : "");
        struct client_request rq = {.method = "GET", .target = target};
        int r = server_connect(inv, SERVER_START, &c, err);
        r = r < 0 ? r : client_send(c, &rq, err);
        r = r < 0 ? r : client_answer(c, NULL, err);
        while (r >= 0 && (r = client_read(c, &part, err)) == 1) {
                r = on_bytes(rd, part, err);
                if (r == -EPIPE)
                        return 0; /* whoever reads us has enough */
        }
        return r;
}

static void reading_done(struct reading *rd)
{
        buf_done(&rd->in);
}

static int run(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(reading_done) struct reading rd = {0};
        buf_init(&rd.in, 4u * STREAM_FRAME_MAX);
        rd.offset = flag_u64(inv, "offset", 0);
        uint64_t end = clock_boot_ms() + RETRY_MS;
        int r;
        while ((r = read_logs(inv, &rd, &err)) == -EPIPE || r == -ECONNREFUSED) {
                if (!flag_given(inv, "follow") || clock_boot_ms() > end)
                        break;
                clock_sleep_ms(100);
        }
        return r < 0 ? fail(r, &err) : EXIT_DONE;
}

static const struct flag flags[] = {
        {.o = {.name = "follow", .doc = "Go on until the sandbox has ended."}, .letter = 'f'},
        {.o = {.name = "offset", .type = OPTION_U64, .doc = "Leave out so many bytes."},
         .arg = "N"},
        FLAGS_END,
};

const struct command command_logs = {
        .name = "logs",
        .operands = "ID",
        .summary = "Print the stored output of a sandbox, standard output and error apart.",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};

const struct command command_sandbox_logs = {
        .name = "sandbox logs",
        .operands = "ID",
        .summary = "Print the stored output of a sandbox, standard output and error apart.",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
