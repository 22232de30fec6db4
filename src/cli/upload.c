#include "cli/upload.h"
#include "cli/out.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include <sys/stat.h>

#define CHUNK 65536

const char *volume_file_target(struct buf *b, const char *volume, const char *path)
{
        return file_target(b, "volumes", volume, path);
}

const char *file_target(struct buf *b, const char *kind, const char *name, const char *path)
{
        buf_init(b, 16384);
        int r = buf_addf(b, "/v1/%s/", kind);
        r = r < 0 ? r : url_put(b, name, false);
        r = r < 0 ? r : buf_adds(b, "/files/");
        r = r < 0 ? r : url_put(b, path, true);
        return r < 0 ? "/" : buf_text(b);
}

/* `left` bytes, or until the end when that is UPLOAD_CHUNKED. */
static int send_content(struct client *c, int fd, uint64_t left, struct err *err)
{
        char chunk[CHUNK];
        bool known = left != UPLOAD_CHUNKED;
        while (left > 0) {
                size_t want = left < sizeof chunk ? (size_t)left : sizeof chunk;
                ssize_t n = read(fd, chunk, want);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_sys(err, -errno, "reading it");
                if (n == 0 && known)
                        return err_set(err, -EIO, "it became shorter while it was read");
                if (n == 0)
                        break;
                int r = client_write(c, chunk, (size_t)n, err);
                if (r < 0)
                        return r;
                left -= known ? (uint64_t)n : 0;
        }
        return client_write_end(c, err);
}

int upload_file(struct client *c, const char *volume, const char *path, int fd, struct err *err)
{
        return upload_file_to(c, "volumes", volume, path, fd, err);
}

int upload_file_to(struct client *c, const char *kind, const char *name, const char *path, int fd,
                   struct err *err)
{
        struct stat st;
        char mtime[24], mode[8];
        CLEANUP(buf_done) struct buf b = {0};
        if (fstat(fd, &st) < 0)
                return err_sys(err, -errno, "stat");
        bool regular = S_ISREG(st.st_mode);
        uint64_t ms = regular ? (uint64_t)st.st_mtim.tv_sec * 1000 +
                                        (uint64_t)st.st_mtim.tv_nsec / 1000000
                              : clock_wall_ms();
        snprintf(mtime, sizeof mtime, "%llu", (unsigned long long)ms);
        snprintf(mode, sizeof mode, "%04o", st.st_mode & 0777);
        struct h1_field fields[] = {{"X-Paddock-Mtime-Ms", mtime}, {"X-Paddock-Mode", mode}};
        /* The files of a volume are read by sandboxes of other ids: they are not kept private. */
        bool keep_mode = regular && str_eq(kind, "sandboxes");
        struct client_request rq = {
                .method = "PUT",
                .target = file_target(&b, kind, name, path),
                .content_type = "application/octet-stream",
                .upload = true,
                .upload_bytes = regular ? (uint64_t)st.st_size : UPLOAD_CHUNKED,
                .fields = fields,
                .n_fields = keep_mode ? 2 : 1,
        };
        int r = client_send(c, &rq, err);
        if (r < 0)
                return r;
        r = send_content(c, fd, rq.upload_bytes, err);
        if (r < 0 && r != -EPIPE) {
                client_drop(c); /* half a body: the server must not take it for a whole one */
                return r;
        }
        /* Also where the server ended the upload early: it says why. */
        struct slice part;
        r = client_answer(c, NULL, err);
        while (r >= 0 && (r = client_read(c, &part, err)) == 1)
                ;
        return r;
}

static int one_page(struct client *c, const char *kind, const char *name, const char *prefix,
                    const char *after, json_t **ret, struct err *err)
{
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, 16384);
        int r = buf_addf(&b, "/v1/%s/", kind);
        r = r < 0 ? r : url_put(&b, name, false);
        r = r < 0 ? r : buf_adds(&b, "/files");
        r = r < 0 ? r : url_query(&b, "prefix", prefix);
        r = r < 0 ? r : url_query(&b, "after", after);
        return r < 0 ? err_set(err, r, "path too long")
                     : client_call(c, "GET", buf_text(&b), NULL, ret, err);
}

int volume_files(struct client *c, const char *volume, const char *prefix, json_t *ret,
                 struct err *err)
{
        return files_below(c, "volumes", volume, prefix, ret, err);
}

int files_below(struct client *c, const char *kind, const char *name, const char *prefix,
                json_t *ret, struct err *err)
{
        auto_free char *after = xstrdup("");
        for (;;) {
                auto_json json_t *page = NULL;
                int r = one_page(c, kind, name, prefix, after, &page, err);
                if (r < 0)
                        return r;
                json_t *files = json_object_get(page, "files");
                if (json_is_array(files))
                        json_array_extend(ret, files);
                const char *next = get_str(page, "next");
                if (!*next || str_eq(next, after))
                        return 0;
                free(after);
                after = xstrdup(next);
        }
}
