#include "cli/secret_remote.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/out.h"
#include "cli/server.h"
#include "link/envelope.h"
#include <fcntl.h>
#include <sys/file.h>

#define PINS_MAX 65536

/* ---- the fingerprint ---- */

/* The pin of that server: lines of "URL FINGERPRINT". */
static bool find_pin(const char *text, const char *url, char ret[FINGERPRINT_TEXT])
{
        size_t n = strlen(url);
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                if (strncmp(line, url, n) != 0 || line[n] != ' ')
                        continue;
                snprintf(ret, FINGERPRINT_TEXT, "%.*s", (int)strcspn(line + n + 1, " \r\n"),
                         line + n + 1);
                return true;
        }
        return false;
}

static int open_pins(char *path, size_t size, struct err *err)
{
        char dir[512];
        int r = remote_config_path("vault-keys", path, size, err);
        if (r < 0)
                return r;
        snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
        r = make_dirs(dir, err);
        if (r < 0)
                return r;
        auto_close int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return err_sys(err, -errno, "%s", path);
        return TAKE_FD(fd);
}

static int check_pin(const struct remote *where, const char *fingerprint, struct err *err)
{
        char path[512], known[FINGERPRINT_TEXT], line[512];
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, PINS_MAX);
        auto_close int fd = open_pins(path, sizeof path, err);
        int r = fd < 0 ? fd : fd_slurp(fd, &b);
        if (fd >= 0 && r < 0)
                return err_sys(err, r, "%s", path);
        if (r < 0)
                return r;
        if (find_pin(buf_text(&b), where->url, known))
                return str_eq(known, fingerprint) ? 0
                                                  : err_set(err, -EACCES,
                                                            "the vault of %s has the key %s, in %s "
                                                            "stands %s: somebody "
                                                            "may be between you; nothing was sent",
                                                            where->url, fingerprint, path, known);
        int n = snprintf(line, sizeof line, "%s %s\n", where->url, fingerprint);
        r = fd_write_all(fd, line, (size_t)n);
        if (r < 0)
                return err_sys(err, r, "%s", path);
        fprintf(stderr,
                "paddock: the vault of %s is known by %s from now on (%s); 'paddock secret key' on "
                "that machine shows its own\n",
                where->url, fingerprint, path);
        return 0;
}

static int check(const struct invocation *inv, const struct remote *where,
                 const unsigned char key[32], struct err *err)
{
        char fingerprint[FINGERPRINT_TEXT];
        const char *wanted = flag_text(inv, "vault-key");
        envelope_fingerprint(key, fingerprint);
        if (!wanted)
                return check_pin(where, fingerprint, err);
        if (str_eq(wanted, fingerprint))
                return 0;
        return err_set(err, -EACCES, "the vault of %s has the key %s, not %s; nothing was sent",
                       where->url, fingerprint, wanted);
}

/* ---- the calls ---- */

int secret_remote_key(const struct invocation *inv, const struct remote *where,
                      struct vault_meant *ret, struct err *err)
{
        CLEANUP(client_freep) struct client *c = client_new_remote(where);
        auto_json json_t *o = NULL;
        int r = client_call(c, "GET", "/v1/vault/key", NULL, &o, err);
        if (r < 0)
                return r;
        if (!str_eq(get_str(o, "state"), "unlocked"))
                return err_set(err, -EAGAIN, "the vault of %s is locked", where->url);
        if (hex_decode(ret->key, sizeof ret->key, get_str(o, "key")) < 0 ||
            hex_decode(ret->ticket, sizeof ret->ticket, get_str(o, "ticket")) < 0)
                return err_set(err, -EPROTO, "the server's answer holds no key");
        return check(inv, where, ret->key, err);
}

static int seal(const struct vault_meant *vault, uint32_t verb, const struct desk_secret *d,
                struct buf *sealed, struct err *err)
{
        CLEANUP(buf_done) struct buf plain;
        struct envelope e = {.ticket = {(const char *)vault->ticket, sizeof vault->ticket},
                             .verb = verb,
                             .secret = *d};
        buf_init(&plain, ENVELOPE_MAX);
        if (!buf_room(&plain, ENVELOPE_MAX)) /* at once: growing would leave copies */
                return err_sys(err, -ENOMEM, "sealing");
        int r = envelope_pack(&e, &plain, err);
        r = r < 0 ? r : remote_seal(vault->key, plain.data, plain.len, sealed, err);
        explicit_bzero(plain.data, plain.cap);
        return r;
}

int secret_remote_put(const struct remote *where, const struct vault_meant *vault, uint32_t verb,
                      const struct desk_secret *d, struct err *err)
{
        char target[128];
        CLEANUP(buf_done) struct buf sealed;
        CLEANUP(client_freep) struct client *c = client_new_remote(where);
        bool rotate = verb == DESK_ROTATE;
        buf_init(&sealed, ENVELOPE_MAX + ENVELOPE_HEAD + ENVELOPE_TAG);
        int r = seal(vault, verb, d, &sealed, err);
        if (r < 0)
                return r;
        auto_free char *hex = malloc(2 * sealed.len + 1);
        if (!hex)
                return err_sys(err, -ENOMEM, "sealing");
        hex_encode(hex, sealed.data, sealed.len);
        auto_json json_t *body = json_pack("{s:s}", "envelope", hex);
        snprintf(target, sizeof target, "/v1/secrets/%s%s", d->name, rotate ? "/rotate" : "");
        return client_call(c, rotate ? "POST" : "PUT", target, body, NULL, err);
}
