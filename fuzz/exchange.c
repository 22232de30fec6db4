/* A stream of gate at the vault, with an upstream: whatever both say, each byte that comes to the
 * upstream is a request that the route allows, with the key once and nothing of the client's in its
 * place. An input is a row of pieces: a byte (lowest bit: who speaks; the rest: how many bytes), then
 * the bytes. */
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/h1.h"
#include "vault/safe.h"
#include "vault/vault.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define BOX "01m7z2cyx93pzws3xd26sm41pa"

static struct world {
        struct loop *loop;
        struct vault *vault;
        struct peer *gate, *launch, *there[2];
        int listener, fd;
        char routes[256];
} w;

static const char *setting(void *ctx, const char *name)
{
        (void)ctx;
        return strcmp(name, "egress.private") == 0  ? "127.0.0.1"
               : strcmp(name, "routes.define") == 0 ? w.routes
                                                    : "";
}

static char dir[] = "/tmp/paddock-fuzz-XXXXXX";
static void leave(void)
{
        if (tree_remove_at(AT_FDCWD, dir) < 0)
                fprintf(stderr, "%s stays\n", dir);
}

static void must(bool x)
{
        if (!x)
                abort();
}

static struct peer *join(const char *who, struct peer **ret_there)
{
        static const struct peer_ops asker = {&vault_link, NULL, NULL};
        int pair[2];
        must(link_pair(pair) == 0);
        *ret_there = peer_new(w.loop, pair[1], vault_ops(who), w.vault);
        return peer_new(w.loop, pair[0], &asker, NULL);
}

static void on_stream(void *ctx, const struct peer_answer *a)
{
        (void)ctx;
        if (a->n_fds)
                w.fd = TAKE_FD(a->fds[0]);
}

/* Before the first input: tests/torture lets allocations fail from then on. */
__attribute__((constructor)) static void begin(void)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof a;
        struct safe *s = NULL;
        struct desk_secret d = {.kind = SECRET_ROUTE, .value = slice_of("k3y-value")};
        log_setup("fuzz", LOG_ERROR, LOG_LOGFMT);
        must(mkdtemp(dir) != NULL && atexit(leave) == 0);
        int state = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        snprintf(d.name, sizeof d.name, "r");
        snprintf(d.host, sizeof d.host, "127.0.0.1");
        snprintf(d.form, sizeof d.form, "header:x-key");
        must(safe_open(state, SEAL_FILE, -1, &s, NULL) == 0 && safe_set(s, &d, NULL) == 0);
        safe_free(s);
        w.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        must(bind(w.listener, (struct sockaddr *)&a, n) == 0 && listen(w.listener, 64) == 0 &&
             getsockname(w.listener, (struct sockaddr *)&a, &n) == 0);
        snprintf(w.routes, sizeof w.routes,
                 "r upstream=http://127.0.0.1:%u/base secret=r as=header:x-key "
                 "allow=GET+POST+HEAD:/ok/* meter=openai body_max=1M redirect=pass",
                 ntohs(a.sin_port));
        w.loop = loop_new();
        struct vault_config c = {w.loop, state, setting, NULL};
        must(vault_new(&c, &w.vault, NULL) == 0);
        w.gate = join("gate", &w.there[0]);
        w.launch = join("launch", &w.there[1]);
        struct vault_sandbox box = {.id = BOX, .policy = slice_of("route r\n")};
        must(peer_event(w.launch, VAULT_SYNCED, &(struct vault_empty){0}, NULL, 0));
        peer_call(w.launch, VAULT_SANDBOX_ADD, &box, NULL, 0, on_stream, NULL);
}

static void turn(void)
{
        must(loop_once(w.loop, 0, NULL) == 0);
}

/* ---- what comes to the upstream ---- */

struct upstream {
        int fd;
        struct h1 codec;
        bool lost; /* the codec had no memory */
};

static void check_head(const struct h1_head *h)
{
        must(strncmp(h->target, "/base/ok/", 9) == 0 || strcmp(h->target, "/base/ok") == 0);
        const char *up = strstr(h->target, "/../");
        must(!up || up > h->target + strcspn(h->target, "?"));
        const char *key = h1_find(h, "x-key"), *host = h1_find(h, "host");
        must(key && strcmp(key, "k3y-value") == 0); /* h1_find: and no second one */
        must(host && strncmp(host, "127.0.0.1", 9) == 0);
        must(!h1_find(h, "authorization") && !h1_find(h, "cookie"));
}

static void take(struct upstream *u)
{
        char data[4096];
        ssize_t n = u->fd < 0 ? -1 : recv(u->fd, data, sizeof data, MSG_DONTWAIT);
        struct slice in = {data, n > 0 ? (size_t)n : 0};
        struct h1_event e;
        int r = 0;
        while (in.len && (r = h1_next(&u->codec, &in, &e, NULL)) == 1)
                if (e.type == H1_HEAD)
                        check_head(e.head);
        must(r != -EPROTO);
        u->lost |= r < 0;
}

static void meet(struct upstream *u)
{
        int fd = accept4(w.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return;
        if (u->fd >= 0) {
                close(u->fd);
                h1_done(&u->codec);
        }
        h1_init(&u->codec, H1_REQUEST, HTTP_HEAD_MAX);
        u->fd = fd;
}

static void play(struct upstream *u, const uint8_t *data, size_t size)
{
        while (size && !u->lost) {
                size_t n = data[0] >> 1;
                bool up = data[0] & 1;
                data++;
                size--;
                n = n < size ? n : size;
                int to = up ? u->fd : w.fd;
                if (n && to >= 0 && send(to, data, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && !up)
                        return;
                data += n;
                size -= n;
                for (int i = 0; i < 3; i++) {
                        turn();
                        meet(u);
                        take(u);
                }
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct upstream u = {.fd = -1};
        w.fd = -1;
        peer_call(w.gate, VAULT_ROUTE, &(struct vault_id){BOX}, NULL, 0, on_stream, NULL);
        for (int i = 0; i < 20 && w.fd < 0; i++)
                turn();
        if (w.fd >= 0)
                play(&u, data, size);
        closep(&w.fd);
        turn();
        if (u.fd >= 0) {
                close(u.fd);
                h1_done(&u.codec);
        }
        /* Connections that were kept, and those that nobody came for. */
        turn();
        for (int fd; (fd = accept4(w.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
                close(fd);
        turn();
        return 0;
}
