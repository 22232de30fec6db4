/* How many connections each user of the Unix socket has: one alone does not get them all. */
#include "base/mem.h"
#include "net/httpd_impl.h"
#include <sys/socket.h>

struct http_share {
        struct http_share *next;
        uint32_t uid;
        size_t n;
};

void httpd_share(struct httpd *h, size_t max_of_uid)
{
        h->share_max = max_of_uid;
}

static struct http_share **find(struct httpd *h, uint32_t uid)
{
        struct http_share **at = &h->shares;
        while (*at && (*at)->uid != uid)
                at = &(*at)->next;
        return at;
}

bool http_share_full(struct httpd *h, int fd)
{
        struct ucred cred;
        socklen_t n = sizeof cred;
        if (!h->share_max || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
                return false;
        const struct http_share *s = *find(h, cred.uid);
        return s && s->n >= h->share_max;
}

void http_share_refuse(int fd)
{
        static const char text[] =
                "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\n"
                "Content-Type: application/json\r\nContent-Length: 104\r\n\r\n"
                "{\"error\":{\"code\":\"busy\",\"message\":\"you have limits.owner_connections "
                "connections\",\"request_id\":\"none\"}}\n";
        (void)!send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)!shutdown(fd, SHUT_WR);
        close(fd);
}

void http_share_count(struct httpd *h, uint32_t uid, bool came)
{
        struct http_share **at = find(h, uid), *s = *at;
        if (!s) {
                s = *at = xcalloc(1, sizeof *s);
                s->uid = uid;
        }
        s->n += came ? 1 : (size_t)-1;
        if (s->n)
                return;
        *at = s->next;
        free(s);
}
