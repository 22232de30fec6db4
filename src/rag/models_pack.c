#include "rag/models_pack.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "link/parse.h"
#include "rag/embed/model.h"
#include <stdio.h>

#define PACK_MS 600000 /* of the largest model, on a slow disk */

static int receive(int out, int fd, struct err *err)
{
        CLEANUP(frames_done) struct frames in;
        uint64_t deadline = clock_boot_ms() + PACK_MS, got = 0;
        struct parse_packed end;
        struct frame f;
        int r;
        frames_init(&in, &parse_frames);
        while ((r = frames_read(&in, out, deadline, &f, err)) > 0) {
                if (f.verb == PARSE_PACKED)
                        break;
                if (f.verb != PARSE_PART)
                        return err_set(err, -EPROTO, "the sandbox sent frame %u", f.verb);
                got += f.body.len;
                if (got > MODEL_BYTES_MAX)
                        return err_set(err, -E2BIG, "a packed model of more than 16 GiB");
                r = fd_write_all(fd, f.body.data, f.body.len);
                if (r < 0)
                        return err_sys(err, r, "writing the packed model");
        }
        if (r == 0)
                return err_set(err, -EPIPE, "the sandbox ended before the model was packed");
        if (r > 0)
                r = frames_decode(&in, &f, &end, err);
        if (r < 0)
                return r;
        if (end.error && !utf8_valid(end.reason, strlen(end.reason)))
                return err_set(err, -EINVAL, "the model was not packed");
        return end.error ? err_set(err, -EINVAL, "%s", end.reason) : 0;
}

int models_pack(const struct index_host *host, const struct rag_model_add *rq, int fd,
                struct err *err)
{
        struct parse_pack pack = {.precision = rq->precision, .given = rq->given};
        struct index_box box;
        char reason[128] = "";
        memcpy(pack.folder, rq->folder, sizeof pack.folder);
        memcpy(pack.name, rq->name, sizeof pack.name);
        memcpy(pack.languages, rq->languages, sizeof pack.languages);
        memcpy(pack.passage, rq->passage, sizeof pack.passage);
        memcpy(pack.query, rq->query, sizeof pack.query);
        int r = host->open(host->ctx, rq->volume, &box, err);
        if (r < 0)
                return err_wrap(err, r, "a sandbox for the model");
        r = frame_write(box.in, &parse_frames, PARSE_PACK, &pack, clock_boot_ms() + 10000, err);
        if (r >= 0)
                r = receive(box.out, fd, err);
        close(box.in);
        close(box.out);
        host->close(host->ctx, &box, reason);
        if (r == -EPIPE && reason[0])
                err_wrap(err, r, "%s", reason);
        return r < 0 ? r : 0;
}
