#include "cli/desk.h"
#include "cli/remote.h"
#include "cli/server.h"
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

int desk_connect(const struct invocation *inv, struct err *err)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        struct server where = {.own = false};
        CLEANUP(client_freep) struct client *c = NULL; /* starts the caller's own, if need be */
        struct remote elsewhere;
        int r = remote_meant(inv, &elsewhere, err);
        if (r > 0)
                r = err_set(err, -EINVAL, "'%s' is for the machine of the server itself",
                            inv->command->name);
        r = r < 0 ? r : server_locate(flag_text(inv, "socket"), &where, err);
        r = r < 0 ? r : server_connect(inv, SERVER_START, &c, err);
        if (r < 0)
                return r;
        snprintf(a.sun_path, sizeof a.sun_path, "%.100s.vault", where.socket);
        auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
                return err_set(err, errno == EACCES ? -EPERM : -errno,
                               "the vault's socket %s: %s%s", a.sun_path, errno_text(errno),
                               errno == EACCES ? "; secrets are for operators" : "");
        return TAKE_FD(fd);
}

int desk_ask(int fd, uint32_t verb, const void *req, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, LINK_MESSAGE_MAX - 64);
        if (!buf_room(&b, LINK_MESSAGE_MAX - 65))
                return err_sys(err, -ENOMEM, "request");
        int r = wire_encode(link_find(&desk_link, verb)->req, req, &b, err);
        struct link_message m = {
                .verb = verb, .flags = LINK_REQUEST, .id = 1, .body = {b.data, b.len}};
        if (r == 0)
                r = link_send(fd, &desk_link, &m);
        explicit_bzero(b.data, b.cap);
        return r < 0 ? err_sys(err, r, "the vault") : 0;
}

/* One part of the answer: 1 when more follow. */
int desk_hear(int fd, char *storage, uint32_t verb, void *rep, struct err *err)
{
        struct link_message m;
        int r = link_recv(fd, &desk_link, storage, &m);
        if (r < 0)
                return err_sys(err, r, "the vault");
        link_close_fds(&m);
        if (m.status < 0)
                return err_set(err, m.status, "%.*s", (int)m.body.len, m.body.data);
        r = wire_decode(link_find(&desk_link, verb)->rep, m.body.data, m.body.len, rep, err);
        return r < 0 ? r : (m.flags & LINK_MORE) != 0;
}
