#include "cli/remote.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/helper.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define WORD_MAX     400 /* of the helper's first line */
#define DEFAULT_PORT "443"

/* ---- which server ---- */

static int parse_url(const char *text, struct remote *ret, struct err *err)
{
        const char *host = text + 8, *end;
        if (!str_starts(text, "https://"))
                return err_set(err, -EINVAL, "server: expected https://HOST[:PORT], not '%.64s'",
                               text);
        bool literal = host[0] == '[';
        end = literal ? strchr(host, ']') : host + strcspn(host, ":/");
        size_t n = end ? (size_t)(end - host) - literal : 0;
        const char *rest = end ? end + literal : "";
        size_t digits = rest[0] == ':' ? strspn(rest + 1, "0123456789") : 0;
        uint64_t port = 0;
        if (rest[0] == ':' && digits < 6)
                snprintf(ret->port, sizeof ret->port, "%.*s", (int)digits, rest + 1);
        else
                snprintf(ret->port, sizeof ret->port, DEFAULT_PORT);
        rest += rest[0] == ':' ? 1 + digits : 0;
        if (n == 0 || n >= sizeof ret->host || (rest[0] && !str_eq(rest, "/")) ||
            strcspn(host, "@?#\\%") < strlen(host) || str_to_u64(ret->port, &port) < 0 ||
            port == 0 || port > 65535)
                return err_set(err, -EINVAL, "server: '%.64s' is not https://HOST[:PORT]", text);
        snprintf(ret->host, sizeof ret->host, "%.*s", (int)n, host + literal);
        snprintf(ret->authority, sizeof ret->authority, literal ? "[%s]:%s" : "%s:%s", ret->host,
                 ret->port);
        snprintf(ret->url, sizeof ret->url, "https://%s", ret->authority);
        return 0;
}

int remote_config_path(const char *name, char *ret, size_t size, struct err *err)
{
        const char *dir = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        int n = dir && dir[0] == '/'     ? snprintf(ret, size, "%s/paddock/%s", dir, name)
                : home && home[0] == '/' ? snprintf(ret, size, "%s/.config/paddock/%s", home, name)
                                         : -1;
        if (n < 0)
                return err_set(err, -EINVAL, "neither HOME nor XDG_CONFIG_HOME is set");
        return (size_t)n < size ? 0 : err_set(err, -EINVAL, "path too long");
}

static int read_token(struct remote *ret, struct err *err)
{
        char path[512];
        struct stat st;
        CLEANUP(buf_done) struct buf b;
        const char *given = getenv("PADDOCK_TOKEN_FILE");
        buf_init(&b, sizeof ret->token);
        int r = given ? str_copy(path, sizeof path, given)
                      : remote_config_path("token", path, sizeof path, err);
        if (r < 0)
                return err_set(err, -EINVAL, "PADDOCK_TOKEN_FILE: path too long");
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT && !given)
                return 0; /* the server says what it thinks of that */
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_sys(err, -errno, "the token in %s", path);
        if (st.st_mode & 077)
                return err_set(err, -EACCES, "the token in %s can be read by others: chmod 600",
                               path);
        r = fd_slurp(fd, &b);
        size_t n = r < 0 ? 0 : strcspn(buf_text(&b), "\r\n");
        if (n == 0 || n >= sizeof ret->token || strspn(b.data, "\n") || strcspn(b.data, " \t") < n)
                r = err_set(err, -EINVAL, "%s does not hold a token", path);
        else
                snprintf(ret->token, sizeof ret->token, "%.*s", (int)n, b.data);
        if (b.data)
                explicit_bzero(b.data, b.cap);
        return r < 0 ? r : 0;
}

int remote_meant(const struct invocation *inv, struct remote *ret, struct err *err)
{
        const char *given = flag_text(inv, "server"), *socket = flag_text(inv, "socket");
        const char *ca = getenv("PADDOCK_CA");
        *ret = (struct remote){.url = ""};
        if (given && socket)
                return err_set(err, -EINVAL, "--server and --socket are two servers");
        if (!given && !socket)
                given = getenv("PADDOCK_SERVER");
        if (!given || !*given)
                return 0;
        int r = parse_url(given, ret, err);
        if (r == 0 && ca && str_copy(ret->ca, sizeof ret->ca, ca) < 0)
                r = err_set(err, -EINVAL, "PADDOCK_CA: path too long");
        r = r < 0 ? r : read_token(ret, err);
        return r < 0 ? r : 1;
}

/* ---- the helper ---- */

static int spawn(const char *const *argv, struct err *err)
{
        struct helper h;
        int r = helper_start(&h, argv, HELPER_APART, err);
        return r < 0 ? r : helper_leave(&h);
}

/* Its first line: "+", or "-", the errno and what is wrong. */
static int hear(int fd, struct err *err)
{
        char line[WORD_MAX];
        size_t n = 0;
        while (n + 1 < sizeof line && fd_read_all(fd, line + n, 1) == 0 && line[n] != '\n')
                n++;
        line[n] = '\0';
        if (str_eq(line, "+"))
                return 0;
        char *text = NULL;
        long code = line[0] == '-' ? strtol(line + 1, &text, 10) : 0;
        if (!text || code <= 0 || code > 4095 || *text != ' ')
                return err_set(err, -EIO, "the program 'remote' of paddock did not start");
        return err_set(err, -(int)code, "%s", text + 1);
}

int remote_open(const struct remote *r, struct err *err)
{
        const char *const argv[] = {"remote", "connect", r->host, r->port, r->ca, NULL};
        auto_close int fd = spawn(argv, err);
        int n = fd < 0 ? fd : hear(fd, err);
        return n < 0 ? err_wrap(err, n, "%s", r->url) : TAKE_FD(fd);
}

int remote_seal(const unsigned char key[32], const void *plain, size_t n, struct buf *out,
                struct err *err)
{
        const char *const argv[] = {"remote", "seal", NULL};
        auto_close int fd = spawn(argv, err);
        if (fd < 0)
                return fd;
        int r = fd_write_all(fd, key, 32);
        r = r < 0 ? r : fd_write_all(fd, plain, n);
        shutdown(fd, SHUT_WR);
        if (r < 0)
                return err_sys(err, r, "sealing");
        r = hear(fd, err);
        return r < 0 ? r : fd_slurp(fd, out);
}
