/* relay.c - the floor of a relay in two processes: bytes from a TCP connection through a socket pair
 * to another process, and from there to the upstream; nothing is read, checked or counted.
 *
 *     bench-relay PORT UPSTREAM_PORT          prints the two process ids, then serves
 */
#include "base/cleanup.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS   65536
#define BLOCK 65536

static int other[FDS]; /* the descriptor at the other side; 0: none */

static struct sockaddr_in at(int port)
{
        return (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void pair_up(int loop, int a, int b)
{
        static const int on = 1;
        int fds[2] = {a, b};
        other[a] = b;
        other[b] = a;
        for (int i = 0; i < 2; i++) {
                struct epoll_event e = {.events = EPOLLIN, .data.fd = fds[i]};
                setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                fcntl(fds[i], F_SETFL, O_NONBLOCK);
                epoll_ctl(loop, EPOLL_CTL_ADD, fds[i], &e);
        }
}

static void end(int fd)
{
        int to = other[fd];
        other[fd] = other[to] = 0;
        close(fd);
        close(to);
}

/* Waits where the other side is slow: this is the floor, not a proxy. */
static void copy(int fd)
{
        static char data[BLOCK];
        ssize_t n = recv(fd, data, sizeof data, 0);
        if (n < 0 && errno == EAGAIN)
                return;
        for (ssize_t done = 0; n > 0 && done < n;) {
                ssize_t r = send(other[fd], data + done, (size_t)(n - done), MSG_NOSIGNAL);
                if (r < 0 && errno == EAGAIN)
                        continue;
                if (r < 0)
                        n = 0;
                done += r;
        }
        if (n <= 0)
                end(fd);
}

static void give(int link, int fd)
{
        char c = 0, room[CMSG_SPACE(sizeof fd)] = {0};
        struct iovec v = {&c, 1};
        struct msghdr m = {
                .msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(h), &fd, sizeof fd);
        if (sendmsg(link, &m, 0) < 0)
                perror("sendmsg");
        close(fd);
}

static int take(int link)
{
        char c, room[CMSG_SPACE(sizeof(int))];
        struct iovec v = {&c, 1};
        struct msghdr m = {
                .msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
        int fd = -1;
        if (recvmsg(link, &m, 0) <= 0)
                exit(0);
        if (CMSG_FIRSTHDR(&m))
                memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
        return fd;
}

static void outer(int loop, int listener, int link)
{
        int pair[2], fd = accept(listener, NULL, NULL);
        if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
                return;
        give(link, pair[1]);
        pair_up(loop, fd, pair[0]);
}

static void inner(int loop, int link, int port)
{
        struct sockaddr_in a = at(port);
        int fd = take(link), up = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(up, (struct sockaddr *)&a, sizeof a) == 0)
                pair_up(loop, fd, up);
        else
                close(fd);
}

static void serve(int link, int listener, int port)
{
        int loop = epoll_create1(0), special = listener >= 0 ? listener : link;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = special}, got[64];
        epoll_ctl(loop, EPOLL_CTL_ADD, special, &e);
        for (;;) {
                int n = epoll_wait(loop, got, ARRAY_LEN(got), -1);
                for (int i = 0; i < n; i++) {
                        int fd = got[i].data.fd;
                        if (fd == special && listener >= 0)
                                outer(loop, listener, link);
                        else if (fd == special)
                                inner(loop, link, port);
                        else if (other[fd])
                                copy(fd);
                }
        }
}

int main(int argc, char **argv)
{
        int link[2], on = 1;
        if (argc != 3 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, link) < 0)
                return 2;
        struct sockaddr_in a = at((int)strtol(argv[1], NULL, 10));
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener, 1024) < 0)
                return 1;
        pid_t child = fork();
        if (child == 0) {
                close(link[0]);
                serve(link[1], -1, (int)strtol(argv[2], NULL, 10));
        }
        close(link[1]);
        printf("%d %d\n", getpid(), child);
        fflush(stdout);
        serve(link[0], listener, 0);
}
