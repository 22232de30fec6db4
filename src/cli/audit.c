/* paddock audit: the lines of the vault's log, and whether the chain holds. */
#include "base/clock.h"
#include "base/sha256.h"
#include "base/str.h"
#include "cli/desk.h"
#include "cli/out.h"

#define FOLLOW_MS 500

typedef int (*line_fn)(void *ctx, const char *line, size_t n, struct err *err);

/* Every line from the *from-th on; *from is then the next one. */
static int each_line(const struct invocation *inv, uint64_t *from, line_fn fn, void *ctx,
                     struct err *err)
{
        static char storage[LINK_MESSAGE_MAX];
        auto_close int fd = desk_connect(inv, err);
        int r = fd < 0 ? fd : 0;
        for (bool some = true; r == 0 && some;) {
                struct desk_line part = {.line = {NULL, 0}};
                some = false;
                r = desk_ask(fd, DESK_AUDIT, &(struct desk_from){*from}, err);
                while (r == 0 && (r = desk_hear(fd, storage, DESK_AUDIT, &part, err)) == 1) {
                        r = fn(ctx, part.line.data, part.line.len, err);
                        some = true;
                        ++*from;
                }
        }
        return r;
}

/* ---- show ---- */

struct show {
        const struct invocation *inv;
        const char *sandbox, *route;
};

static void print_row(const json_t *o)
{
        const char *kind = get_str(o, "kind"), *what = get_str(o, "host");
        char text[1400];
        if (str_eq(kind, "request"))
                snprintf(text, sizeof text, "%s %s %s -> %llu", get_str(o, "route"),
                         get_str(o, "method"), get_str(o, "path"),
                         (unsigned long long)get_u64(o, "status"));
        else if (str_eq(kind, "connect"))
                snprintf(text, sizeof text, "%s:%llu", what,
                         (unsigned long long)get_u64(o, "port"));
        else
                snprintf(text, sizeof text, "%s %s", get_str(o, "verb"), get_str(o, "object"));
        const char *verdict = get_str(o, "verdict");
        printf("%s  %-8s %-7s %-26s ", get_str(o, "ts"), *verdict ? verdict : get_str(o, "outcome"),
               kind, get_str(o, "sandbox"));
        out_line(stdout, text);
        putchar('\n');
}

static int show_line(void *ctx, const char *line, size_t n, struct err *err)
{
        const struct show *s = ctx;
        auto_json json_t *o = NULL;
        int r = json_parse(line, n, &o, err);
        if (r < 0)
                return err_wrap(err, r, "a line of the audit log");
        if ((s->sandbox && !str_eq(s->sandbox, get_str(o, "sandbox"))) ||
            (s->route && !str_eq(s->route, get_str(o, "route"))))
                return 0;
        if (s->inv->json)
                printf("%.*s\n", (int)n, line);
        else
                print_row(o);
        return 0;
}

static int audit(struct invocation *inv)
{
        struct err err = {0};
        struct show s = {inv, flag_text(inv, "sandbox"), flag_text(inv, "route")};
        uint64_t from = 1;
        int r = each_line(inv, &from, show_line, &s, &err);
        while (r == 0 && flag_given(inv, "follow")) {
                fflush(stdout);
                clock_sleep_ms(FOLLOW_MS);
                r = each_line(inv, &from, show_line, &s, &err);
        }
        return r < 0 ? fail(r, &err) : EXIT_DONE;
}

/* ---- verify ---- */

struct chain {
        uint64_t n;
        char prev[65];
};

/* Each line has the next number and ends in the hash of the one before. */
static int verify_line(void *ctx, const char *line, size_t n, struct err *err)
{
        struct chain *c = ctx;
        char end[80], begin[40];
        unsigned char sum[SHA256_LEN];
        snprintf(begin, sizeof begin, "{\"n\":%llu,", (unsigned long long)c->n + 1);
        snprintf(end, sizeof end, ",\"prev\":\"%s\"}", c->prev);
        size_t b = strlen(begin), e = strlen(end);
        if (n < b + e || memcmp(line, begin, b) != 0 || memcmp(line + n - e, end, e) != 0)
                return err_set(err, -EBADMSG, "the chain is broken at line %llu",
                               (unsigned long long)c->n + 1);
        sha256_of(line, n, sum);
        hex_encode(c->prev, sum, sizeof sum);
        c->n++;
        return 0;
}

static int verify(struct invocation *inv)
{
        struct err err = {0};
        struct chain c = {.n = 0};
        const char *head = flag_text(inv, "head");
        uint64_t from = 1;
        bool seen = false;
        memset(c.prev, '0', 64);
        int r = each_line(inv, &from, verify_line, &c, &err);
        seen = head && str_eq(head, c.prev);
        if (r < 0)
                return fail(r, &err);
        if (head && !seen) {
                err_set(&err, -EBADMSG, "line %llu has the hash %s", (unsigned long long)c.n,
                        c.prev);
                return fail(-EBADMSG, &err);
        }
        if (inv->json) {
                auto_json json_t *o =
                        json_pack("{s:I,s:s}", "n", (json_int_t)c.n, "sha256", c.prev);
                out_json(o);
        } else {
                printf("%llu lines, %s\n", (unsigned long long)c.n, c.prev);
        }
        return EXIT_DONE;
}

static const struct flag audit_flags[] = {
        {.o = {.name = "sandbox", .type = OPTION_STR, .max = 63, .doc = "Only of this sandbox."},
         .arg = "ID"},
        {.o = {.name = "route", .type = OPTION_NAME, .doc = "Only of this route."}, .arg = "NAME"},
        {.o = {.name = "follow", .doc = "Go on with what comes."}, .letter = 'f'},
        FLAGS_END,
};
static const struct flag verify_flags[] = {
        {.o = {.name = "head",
               .type = OPTION_STR,
               .max = 64,
               .doc = "The hash that the last line must have, from the system log."},
         .arg = "SHA256"},
        FLAGS_END,
};
const struct command command_audit = {
        .name = "audit",
        .operands = "",
        .summary = "Show what sandboxes asked of the outside, and what operators did to the vault.",
        .flags = audit_flags,
        .run = audit,
};
const struct command command_audit_verify = {
        .name = "audit verify",
        .operands = "",
        .summary = "Check that no line of the audit log was changed, left out or put between.",
        .details = "Prints how many lines there are and the hash of the last one. The vault writes "
                   "both to the system log once a minute.",
        .flags = verify_flags,
        .run = verify,
};
