#include "box/listen.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define BACKLOG 512 /* while gate is away, clients wait here */

static const uint16_t ports[LISTEN_PORTS] = {3128, 1080};

static int open_one(uint16_t port, struct err *err)
{
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, BACKLOG) < 0)
                return err_sys(err, -errno, "listening on 127.0.0.1:%u", port);
        return TAKE_FD(fd);
}

int listen_open(int ret[LISTEN_PORTS], struct err *err)
{
        int fds[LISTEN_PORTS];
        for (size_t i = 0; i < LISTEN_PORTS; i++) {
                fds[i] = open_one(ports[i], err);
                if (fds[i] >= 0)
                        continue;
                int r = fds[i];
                while (i > 0)
                        close(fds[--i]);
                return r;
        }
        memcpy(ret, fds, sizeof fds);
        return 0;
}
