#include "cli/tree_copy.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/helper.h"
#include "cli/server.h"
#include "cli/upload.h"
#include <sys/stat.h>

#define CHUNK 65536

static const char *archive_target(struct buf *b, const char *kind, const char *name,
                                  const char *path)
{
        file_target(b, kind, name, path);
        return buf_adds(b, "?archive=tar") < 0 ? "/" : buf_text(b);
}

/* What the helper writes, to the server. -EPIPE: the server wants no more and says why. */
static int send_all(struct client *c, int from, struct err *err)
{
        char chunk[CHUNK];
        for (;;) {
                ssize_t n = read(from, chunk, sizeof chunk);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_sys(err, -errno, "reading it");
                if (n == 0)
                        return 0;
                int r = client_write(c, chunk, (size_t)n, err);
                if (r < 0)
                        return r;
        }
}

int tree_send(struct client *c, const char *kind, const char *name, const char *path,
              const char *folder, struct err *err)
{
        const char *const argv[] = {"unpack", "tree", folder, NULL};
        CLEANUP(buf_done) struct buf b = {0};
        struct client_request rq = {.method = "PUT",
                                    .target = archive_target(&b, kind, name, path),
                                    .content_type = "application/x-tar",
                                    .upload = true,
                                    .upload_bytes = UPLOAD_CHUNKED};
        struct helper h;
        struct slice part;
        int r = helper_start(&h, argv, HELPER_WITH_US, err);
        if (r < 0)
                return r;
        r = client_send(c, &rq, err);
        r = r < 0 ? r : send_all(c, h.fd, err);
        int ended = helper_end(&h, r < 0 ? NULL : err);
        if (r == 0 && ended < 0)
                r = ended;
        r = r < 0 ? r : client_write_end(c, err);
        if (r < 0 && r != -EPIPE) {
                client_drop(c); /* half an archive: the server must not take it for a whole one */
                return r;
        }
        r = client_answer(c, NULL, err);
        while (r >= 0 && (r = client_read(c, &part, err)) == 1)
                ;
        return r;
}

/* What the server sends, to the helper. -EPIPE: that wants no more and says why. */
static int receive_all(struct client *c, int to, struct err *err)
{
        struct slice part;
        int r;
        while ((r = client_read(c, &part, err)) == 1) {
                int w = fd_write_all(to, part.data, part.len);
                if (w < 0)
                        return w;
        }
        return r;
}

int tree_receive(struct client *c, const char *kind, const char *name, const char *path,
                 const char *folder, struct err *err)
{
        const char *const argv[] = {"unpack", "copy", folder, NULL};
        CLEANUP(buf_done) struct buf b = {0};
        struct client_request rq = {.method = "GET",
                                    .target = archive_target(&b, kind, name, path)};
        struct helper h;
        struct err why = {0};
        int r = client_send(c, &rq, err);
        r = r < 0 ? r : client_answer(c, NULL, err);
        r = r < 0 ? r : make_dirs(folder, err);
        r = r < 0 ? r : helper_start(&h, argv, HELPER_WITH_US, err);
        if (r < 0) {
                client_drop(c);
                return r;
        }
        r = receive_all(c, h.fd, err);
        int ended = helper_end(&h, &why);
        if (r < 0)
                client_drop(c);
        if (ended < 0 && (r == 0 || r == -EPIPE))
                return err_set(err, ended, "%s", err_text(&why));
        return r;
}
