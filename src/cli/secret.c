/* paddock secret: hands values to the vault over the vault's own socket, or sealed to its key where it
 * is elsewhere; no other role sees them. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/desk.h"
#include "cli/secret_remote.h"
#include "cli/simple.h"
#include "link/envelope.h"
#include <fcntl.h>
#include <termios.h>

static int call(const struct invocation *inv, uint32_t verb, const void *req, struct err *err)
{
        char storage[LINK_MESSAGE_MAX];
        struct vault_empty done;
        auto_close int fd = desk_connect(inv, err);
        int r = fd < 0 ? fd : desk_ask(fd, verb, req, err);
        r = r < 0 ? r : desk_hear(fd, storage, verb, &done, err);
        return r < 0 ? r : 0;
}

/* ---- values ---- */

/* One line from the terminal, not shown; else standard input to its end, less a final newline. */
static int read_value(const char *prompt, char *dst, size_t size, size_t *ret_n, struct err *err)
{
        struct termios was, quiet;
        bool tty = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &was) == 0;
        size_t n = 0;
        if (tty) {
                fprintf(stderr, "%s: ", prompt);
                quiet = was;
                quiet.c_lflag &= ~(tcflag_t)ECHO;
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        }
        while (n < size) {
                ssize_t got = read(STDIN_FILENO, dst + n, size - n);
                n += got > 0 ? (size_t)got : 0;
                if (got <= 0 || (tty && memchr(dst, '\n', n)))
                        break;
        }
        if (tty) {
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
                fputc('\n', stderr);
        }
        if (n == size)
                return err_set(err, -E2BIG, "the value is longer than %zu bytes", size - 1);
        if (n && dst[n - 1] == '\n')
                n--;
        *ret_n = n;
        return n ? 0 : err_set(err, -EINVAL, "standard input has no value");
}

static int put(struct invocation *inv, uint32_t verb)
{
        static char value[SECRET_VALUE_MAX + 1];
        struct err err = {0};
        struct desk_secret d = {.kind = SECRET_ROUTE};
        const char *host = NULL, *form = NULL, *kind = NULL, *users = NULL;
        if (verb == DESK_SET) {
                host = flag_text(inv, "host");
                form = flag_text(inv, "as");
                kind = flag_text(inv, "kind");
                users = flag_text(inv, "for");
        }
        int r = str_copy(d.name, sizeof d.name, inv->operands[0]);
        if (r < 0 || !str_is_name(d.name))
                r = err_set(&err, -EINVAL, "'%.64s' is not a name", inv->operands[0]);
        if (kind && str_eq(kind, "file"))
                d.kind = SECRET_FILE;
        snprintf(d.host, sizeof d.host, "%s", host ? host : "");
        snprintf(d.form, sizeof d.form, "%s", form ? form : "");
        snprintf(d.users, sizeof d.users, "%s", users ? users : "");
        struct remote where = {.url = ""};
        struct vault_meant vault;
        r = r < 0 ? r : remote_meant(inv, &where, &err);
        bool elsewhere = r > 0;
        if (elsewhere)
                r = secret_remote_key(inv, &where, &vault, &err);
        r = r < 0 ? r : read_value("Value", value, sizeof value, &d.value.len, &err);
        d.value.data = value;
        if (r >= 0)
                r = elsewhere ? secret_remote_put(&where, &vault, verb, &d, &err)
                              : call(inv, verb, &d, &err);
        explicit_bzero(value, sizeof value);
        explicit_bzero(&where, sizeof where);
        return r < 0 ? fail(r, &err) : EXIT_DONE;
}

static int set(struct invocation *inv)
{
        return put(inv, DESK_SET);
}

static int rotate(struct invocation *inv)
{
        return put(inv, DESK_ROTATE);
}

/* 1: the server is elsewhere; 0; or the error, already printed, as *ret_code. */
static int is_elsewhere(const struct invocation *inv, int *ret_code)
{
        struct remote where;
        struct err err = {0};
        int r = remote_meant(inv, &where, &err);
        explicit_bzero(&where, sizeof where);
        if (r < 0)
                *ret_code = fail(r, &err);
        return r;
}

static int remove_it(struct invocation *inv)
{
        struct err err = {0};
        struct desk_name d = {.name = ""};
        CLEANUP(buf_done) struct buf b = {0};
        int code = 0, away = is_elsewhere(inv, &code);
        if (away < 0)
                return code;
        if (!str_is_name(inv->operands[0])) {
                err_set(&err, -EINVAL, "'%.64s' is not a name", inv->operands[0]);
                return fail(-EINVAL, &err);
        }
        if (away)
                return simple_call(inv, SERVER_ASK_ONLY, "DELETE",
                                   target_of(&b, "/v1/secrets/", inv->operands[0], ""), NULL, NULL);
        snprintf(d.name, sizeof d.name, "%s", inv->operands[0]);
        int r = call(inv, DESK_REMOVE, &d, &err);
        return r < 0 ? fail(r, &err) : EXIT_DONE;
}

static int unlock(struct invocation *inv)
{
        char phrase[1025];
        struct err err = {0};
        struct desk_phrase d = {.phrase = {phrase, 0}};
        int r = read_value("Passphrase of the vault", phrase, sizeof phrase, &d.phrase.len, &err);
        r = r < 0 ? r : call(inv, DESK_UNLOCK, &d, &err);
        explicit_bzero(phrase, sizeof phrase);
        return r < 0 ? fail(r, &err) : EXIT_DONE;
}

/* ---- list ---- */

/* As the HTTP API shows it. */
static json_t *shown(const struct desk_secret *d)
{
        bool file = d->kind == SECRET_FILE;
        json_t *o = json_pack("{s:s,s:s,s:I,s:I}", "name", d->name, "kind", file ? "file" : "route",
                              "created_ms", (json_int_t)d->created_ms, "changed_ms",
                              (json_int_t)d->changed_ms);
        if (file)
                json_object_set_new(o, "for", json_string(d->users));
        else
                json_object_update_new(o, json_pack("{s:s,s:s}", "host", d->host, "as", d->form));
        return o;
}

static void print_secrets(const json_t *answer)
{
        static const char *const titles[] = {"NAME", "KIND", "HOST", "AS", "CHANGED", NULL};
        CLEANUP(table_freep) struct table *t = table_new(titles);
        char when[32];
        size_t i;
        json_t *o;
        json_array_foreach((json_t *)list_in(answer, "secrets"), i, o)
        {
                const char *host = get_str(o, "host"), *form = get_str(o, "as");
                table_cell(t, "%s", get_str(o, "name"));
                table_cell(t, "%s", get_str(o, "kind"));
                table_cell(t, "%s", *host ? host : "-");
                table_cell(t, "%s", *form ? form : "-");
                table_cell(t, "%s", local_time(when, get_u64(o, "changed_ms")));
        }
        table_print(t);
}

static int list(struct invocation *inv)
{
        char storage[LINK_MESSAGE_MAX];
        struct err err = {0};
        struct desk_secret d;
        int code = 0, away = is_elsewhere(inv, &code);
        if (away < 0)
                return code;
        if (away)
                return simple_call(inv, SERVER_ASK_ONLY, "GET", "/v1/secrets", NULL, print_secrets);
        auto_json json_t *all = json_pack("{s:[]}", "secrets");
        auto_close int fd = desk_connect(inv, &err);
        int r = fd < 0 ? fd : desk_ask(fd, DESK_LIST, &(struct vault_empty){0}, &err);
        while (r >= 0 && (r = desk_hear(fd, storage, DESK_LIST, &d, &err)) == 1)
                json_array_append_new(json_object_get(all, "secrets"), shown(&d));
        if (r < 0)
                return fail(r, &err);
        if (inv->json)
                out_json(all);
        else
                print_secrets(all);
        return EXIT_DONE;
}

/* ---- key ---- */

static void print_key(const json_t *answer)
{
        const char *fingerprint = get_str(answer, "fingerprint");
        puts(*fingerprint ? fingerprint : get_str(answer, "state"));
}

static int show_key(struct invocation *inv)
{
        char storage[LINK_MESSAGE_MAX], fingerprint[FINGERPRINT_TEXT];
        struct err err = {0};
        struct desk_status st;
        int code = 0, away = is_elsewhere(inv, &code);
        if (away < 0)
                return code;
        if (away)
                return simple_call(inv, SERVER_ASK_ONLY, "GET", "/v1/vault/key", NULL, print_key);
        auto_close int fd = desk_connect(inv, &err);
        int r = fd < 0 ? fd : desk_ask(fd, DESK_STATUS, &(struct vault_empty){0}, &err);
        r = r < 0 ? r : desk_hear(fd, storage, DESK_STATUS, &st, &err);
        if (r < 0)
                return fail(r, &err);
        auto_json json_t *o = json_pack("{s:s}", "state", st.state);
        if (st.public_key.len == ENVELOPE_KEY) {
                envelope_fingerprint((const unsigned char *)st.public_key.data, fingerprint);
                json_object_set_new(o, "fingerprint", json_string(fingerprint));
        }
        if (inv->json)
                out_json(o);
        else
                print_key(o);
        return EXIT_DONE;
}

/* ---- the rows ---- */

#define VAULT_KEY_FLAG                                                                             \
        {                                                                                          \
                .o = {.name = "vault-key",                                                         \
                      .type = OPTION_STR,                                                          \
                      .max = FINGERPRINT_TEXT - 1,                                                 \
                      .doc = "With --server: the fingerprint that the vault's key must have; "     \
                             "without it the one that was seen first is remembered."},             \
                .arg = "FINGERPRINT"                                                               \
        }
static const char *const kinds[] = {"route", "file", NULL};
static const struct flag set_flags[] = {
        {.o = {.name = "for",
               .type = OPTION_STR,
               .max = 255,
               .doc = "Whose sandboxes may have a secret of kind file: names of users separated "
                      "by '|', or '*'; without it only your own."},
         .arg = "USERS"},
        {.o = {.name = "kind",
               .type = OPTION_ENUM,
               .choices = kinds,
               .doc = "route (the default): never leaves the vault, which adds it to requests; "
                      "file: is written into sandboxes that ask for it."},
         .arg = "route|file"},
        {.o = {.name = "host",
               .type = OPTION_STR,
               .max = HOST_TEXT_MAX,
               .doc = "The upstream it is for; without it that of the route that uses it."},
         .arg = "HOST[:PORT]"},
        {.o = {.name = "as",
               .type = OPTION_STR,
               .max = SECRET_FORM_MAX,
               .doc = "How it is added: bearer, header:NAME, basic:USER or query:NAME."},
         .arg = "FORM"},
        VAULT_KEY_FLAG,
        FLAGS_END,
};
static const struct flag rotate_flags[] = {VAULT_KEY_FLAG, FLAGS_END};

const struct command command_secret_set = {
        .name = "secret set",
        .operands = "NAME",
        .summary = "Give the vault a secret; its value is read from standard input.",
        .details = "A secret of kind route is bound to a host and a form when it is set; a route "
                   "that differs in either does not get it. On a terminal the value is asked for "
                   "and not shown. For a server elsewhere it is sealed to the key of that vault "
                   "before it leaves this machine.",
        .flags = set_flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = set,
};
const struct command command_secret_rotate = {
        .name = "secret rotate",
        .operands = "NAME",
        .summary = "Give a secret a new value; what it is bound to stays.",
        .flags = rotate_flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = rotate,
};
const struct command command_secret_list = {
        .name = "secret list",
        .operands = "",
        .summary = "List the secrets, never their values.",
        .run = list,
};
const struct command command_secret_remove = {
        .name = "secret remove",
        .operands = "NAME",
        .summary = "Remove a secret.",
        .min_operands = 1,
        .max_operands = 1,
        .run = remove_it,
};
const struct command command_secret_key = {
        .name = "secret key",
        .operands = "",
        .summary = "Show the fingerprint of the vault's public key.",
        .details =
                "Compare it with what 'paddock secret set --server' says when it sees the server "
                "for the first time.",
        .run = show_key,
};
const struct command command_secret_unlock = {
        .name = "secret unlock",
        .operands = "",
        .summary = "Unlock the vault with its passphrase, where vault.key is passphrase.",
        .details = "The first one makes the key.",
        .run = unlock,
};
