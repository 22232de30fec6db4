/* A connection that leaves HTTP: its socket is given away. */
#include "net/httpd_impl.h"
#include <assert.h>
#include <fcntl.h>

static void on_upgrade(void *ctx, struct MHD_Connection *c UNUSED, void *req_ctx UNUSED,
                       const char *early, size_t n, MHD_socket sock,
                       struct MHD_UpgradeResponseHandle *handle)
{
        struct http_req *rq = ctx;
        /* Our own descriptor of the socket, so that the library can let go of its connection and
         * the memory that belongs to it. */
        int fd = fcntl(sock, F_DUPFD_CLOEXEC, 3);
        rq->upgrade_fn(rq->upgrade_ctx, fd, early, n);
        MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

void http_upgrade(struct http_req *rq, const char *protocol, http_upgrade_fn fn, void *ctx)
{
        rq->upgrade_fn = fn;
        rq->upgrade_ctx = ctx;
        struct MHD_Response *r = MHD_create_response_for_upgrade(on_upgrade, rq);
        assert(r);
        http_add_header(rq, "Upgrade", protocol);
        http_answer(rq, 101, NULL, r);
}
