#include "link/link.h"
#include <sys/socket.h>
#include <sys/uio.h>

#define ERRNO_MAX 4095 /* the kernel's own bound */

struct head {
        uint32_t version, verb, flags;
        int32_t status;
        uint64_t id;
};
_Static_assert(sizeof(struct head) == 24, "the head has no padding");

const struct link_verb *link_find(const struct link_spec *spec, uint32_t verb)
{
        for (size_t i = 0; i < spec->n_verbs; i++)
                if (spec->verbs[i].verb == verb)
                        return &spec->verbs[i];
        return NULL;
}

int link_pair(int ret[2])
{
        return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret) < 0
                       ? -errno
                       : 0;
}

union fd_space {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * LINK_FDS_MAX)];
};

int link_send(int fd, const struct link_spec *spec, const struct link_message *m)
{
        uint32_t version = m->version ? m->version : spec->version;
        struct head h = {version, m->verb, m->flags, m->status, m->id};
        if (m->body.len > LINK_MESSAGE_MAX - sizeof h || m->n_fds > LINK_FDS_MAX)
                return -E2BIG;
        struct iovec iov[2] = {{&h, sizeof h}, {(void *)m->body.data, m->body.len}};
        union fd_space space = {0};
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
        if (m->n_fds) {
                msg.msg_control = space.bytes;
                msg.msg_controllen = CMSG_SPACE(sizeof(int) * m->n_fds);
                struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(sizeof(int) * m->n_fds);
                memcpy(CMSG_DATA(c), m->fds, sizeof(int) * m->n_fds);
        }
        ssize_t n;
        do
                n = sendmsg(fd, &msg, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? (errno == ECONNRESET ? -EPIPE : -errno) : 0;
}

void link_close_fds(struct link_message *m)
{
        for (uint32_t i = 0; i < m->n_fds; i++)
                if (m->fds[i] >= 0)
                        close(m->fds[i]);
        m->n_fds = 0;
}

static void take_fds(struct msghdr *msg, struct link_message *m)
{
        for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n; i++) {
                        int fd;
                        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
                        if (m->n_fds < LINK_FDS_MAX)
                                m->fds[m->n_fds++] = fd;
                        else
                                close(fd);
                }
        }
}

/* The head against the spec: is this a message that may exist on this link at all? */
static bool acceptable(const struct link_spec *spec, const struct head *h, uint32_t n_fds)
{
        const struct link_verb *v = link_find(spec, h->verb);
        uint32_t oldest = spec->oldest ? spec->oldest : spec->version;
        if (h->version > spec->version || h->version < oldest || !v)
                return false;
        switch (h->flags) {
        case LINK_REQUEST:
                return v->rep && h->id != 0 && h->status == 0 && n_fds <= v->req_fds;
        case LINK_EVENT:
                return !v->rep && h->id == 0 && h->status == 0 && n_fds <= v->req_fds;
        case LINK_ANSWER:
                return v->rep && h->id != 0 && h->status <= 0 && h->status >= -ERRNO_MAX &&
                       n_fds <= v->rep_fds;
        case LINK_ANSWER | LINK_MORE: /* a failure is the last part */
                return v->rep && h->id != 0 && h->status == 0 && n_fds <= v->rep_fds;
        }
        return false;
}

int link_recv(int fd, const struct link_spec *spec, char *storage, struct link_message *ret)
{
        struct head h;
        struct link_message m = {0};
        struct iovec iov[2] = {{&h, sizeof h}, {storage, LINK_MESSAGE_MAX - sizeof h}};
        union fd_space space;
        struct msghdr msg = {.msg_iov = iov,
                             .msg_iovlen = 2,
                             .msg_control = space.bytes,
                             .msg_controllen = sizeof space.bytes};
        ssize_t n;
        do
                n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == ECONNRESET ? -EPIPE : -errno;
        take_fds(&msg, &m);
        if (n == 0) { /* the end, or an empty message: nobody sends one in good faith */
                link_close_fds(&m);
                return -EPIPE;
        }
        if ((size_t)n < sizeof h || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
            !acceptable(spec, &h, m.n_fds)) {
                link_close_fds(&m);
                return -EPROTO;
        }
        m.version = h.version;
        m.verb = h.verb;
        m.flags = h.flags;
        m.id = h.id;
        m.status = h.status;
        m.body = (struct slice){storage, (size_t)n - sizeof h};
        *ret = m;
        return 0;
}
