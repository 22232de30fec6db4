#include "conf/config.h"
#include "conf/yaml.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>

#define VALUE_MAX 4096 /* bytes of one canonical value */

struct value {
        char *text;   /* canonical */
        char *origin; /* NULL: the default */
};
struct config {
        struct value *values; /* in the order of the table */
};

void config_problems_init(struct config_problems *p)
{
        buf_init(&p->text, CONFIG_PROBLEMS_MAX * (size_t)ERR_TEXT_MAX * 2);
        p->count = 0;
}

void config_problems_done(struct config_problems *p)
{
        buf_done(&p->text);
}

void config_problem(struct config_problems *p, const char *file, unsigned line, const char *fmt,
                    ...)
{
        struct err what;
        char text[ERR_TEXT_MAX], where[16] = "";
        va_list ap;
        if (++p->count > CONFIG_PROBLEMS_MAX)
                return;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        for (char *c = text; *c; c++) /* a key from the file must not begin a line of its own */
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                        *c = '?';
        if (line)
                snprintf(where, sizeof where, ":%u", line);
        err_set(&what, -EINVAL, "%.200s%s: %s", file, where, text);
        if (buf_addf(&p->text, "%s\n", err_text(&what)) < 0)
                return; /* still counted: the file is refused */
}

/* The canonical text of what a list of n NUL-ended texts says. */
static int parse_values(const struct option *o, const char *values, size_t n, char **ret,
                        struct err *err)
{
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, VALUE_MAX);
        for (size_t i = 0; i < n; i++, values += strlen(values) + 1) {
                int r = i ? buf_adds(&b, ",") : 0;
                r = r < 0 ? r : option_parse(o, values, &b, err);
                if (r == -E2BIG)
                        return err_set(err, r, "longer than %d bytes", VALUE_MAX);
                if (r < 0)
                        return r;
        }
        *ret = buf_take(&b);
        return 0;
}

/* What a person wrote in one text: a value, or the items of a list with commas. */
static int parse_text(const struct option *o, const char *text, char **ret, struct err *err)
{
        size_t n = 1;
        auto_free char *values = xcalloc(1, strlen(text) + 2);
        memcpy(values, text, strlen(text));
        if (o->type == OPTION_LIST) {
                n = *text != '\0';
                for (char *s = values; (s = strchr(s, ',')); n++)
                        *s++ = '\0';
        }
        return parse_values(o, values, n, ret, err);
}

static int fill_defaults(struct config *c)
{
        c->values = xcalloc(config_options_n, sizeof *c->values);
        for (size_t i = 0; i < config_options_n; i++) {
                const struct option *o = &config_options[i];
                int r = parse_text(o, o->def, &c->values[i].text, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

struct config *config_new(void)
{
        struct config *c = xcalloc(1, sizeof *c);
        int r = fill_defaults(c);
        assert(r == 0); /* no memory for a few bytes, or a default that breaks its own row: a bug */
        return c;
}

void config_free(struct config *c)
{
        if (!c)
                return;
        for (size_t i = 0; i < config_options_n; i++) {
                free(c->values[i].text);
                free(c->values[i].origin);
        }
        free(c->values);
        free(c);
}

static void value_replace(struct value *v, char *text, char *origin)
{
        free(v->text);
        free(v->origin);
        *v = (struct value){text, origin};
}

static void unknown(struct config_problems *p, const char *file, const struct yaml_item *it)
{
        const char *near = option_suggest(it->name, config_options, config_options_n,
                                          sizeof config_options[0]);
        config_problem(p, file, it->line, "%s: unknown option%s%s%s", it->name,
                       near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

/* The text of an item for this option, or -EINVAL with the reason. */
static int item_text(const struct option *o, const struct yaml_item *it, char **ret,
                     struct err *err)
{
        bool list = o->type == OPTION_LIST;
        if (it->is_null)
                return err_set(err, -EINVAL, "no value; leave the line out for the default");
        if (it->is_list && !list)
                return err_set(err, -EINVAL, "a list, expected one value");
        if (!it->is_list && list)
                return err_set(err, -EINVAL, "one value, expected a list such as [a, b]");
        return parse_values(o, it->values, it->n_values, ret, err);
}

static void apply(struct config *c, const char *file, const struct yaml_items *y,
                  struct config_problems *p)
{
        auto_free unsigned *first = xcalloc(config_options_n, sizeof *first);
        for (size_t i = 0; i < y->n; i++) {
                const struct yaml_item *it = &y->items[i];
                const struct option *o = config_find(it->name);
                struct err err = {0};
                char *text = NULL;
                if (!o) {
                        unknown(p, file, it);
                        continue;
                }
                size_t at = (size_t)(o - config_options);
                if (first[at]) {
                        config_problem(p, file, it->line, "%s: given twice, first on line %u",
                                       o->name, first[at]);
                        continue;
                }
                first[at] = it->line;
                if (item_text(o, it, &text, &err) < 0)
                        config_problem(p, file, it->line, "%s: %s", o->name, err_text(&err));
                else
                        value_replace(&c->values[at], text, xasprintf("%s:%u", file, it->line));
        }
}

/* The line where an option was given, for a rule that it breaks together with another. */
static unsigned origin_line(const struct config *c, const char *name)
{
        const char *colon = strrchr(config_origin(c, name), ':');
        uint64_t line = 0;
        return colon && str_to_u64(colon + 1, &line) == 0 ? (unsigned)line : 0;
}

static bool is_loopback(const char *listen)
{
        return str_starts(listen, "127.") || str_starts(listen, "[::1]");
}

/* `small` may not pass `most` where `most` is set. */
static void check_order(const struct config *c, const char *file, struct config_problems *p,
                        const char *small, const char *most)
{
        uint64_t a = config_get_u64(c, small), b = config_get_u64(c, most);
        if (b && (a > b || !a))
                config_problem(p, file, origin_line(c, small), "%s: more than %s", small, most);
}

int config_check(const struct config *c, const char *file, struct config_problems *p)
{
        unsigned before = p->count;
        const char *listen = config_get(c, "http.listen");
        bool cert = *config_get(c, "http.tls_cert"), key = *config_get(c, "http.tls_key");
        if (cert != key)
                config_problem(p, file, origin_line(c, cert ? "http.tls_cert" : "http.tls_key"),
                               "%s: needs %s too", cert ? "http.tls_cert" : "http.tls_key",
                               cert ? "http.tls_key" : "http.tls_cert");
        if (*listen && !is_loopback(listen) && !cert && !config_get_bool(c, "http.behind_proxy"))
                config_problem(p, file, origin_line(c, "http.listen"),
                               "http.listen: %s is not loopback, so it needs http.tls_cert and "
                               "http.tls_key, or http.behind_proxy: true",
                               listen);
        check_order(c, file, p, "sandbox.memory_default", "sandbox.memory_max");
        check_order(c, file, p, "sandbox.timeout_default", "sandbox.timeout_max");
        return p->count > before ? -EINVAL : 0;
}

int config_read(const char *file, const char *text, size_t n, struct config **ret,
                struct config_problems *p)
{
        CLEANUP(yaml_items_done) struct yaml_items y = {0};
        CLEANUP(config_freep) struct config *c = xcalloc(1, sizeof *c);
        unsigned before = p->count;
        int r = fill_defaults(c);
        if (r < 0)
                return r;
        r = yaml_flatten(file, text, n, &y, p);
        if (r < 0 && r != -EINVAL)
                return r;
        apply(c, file, &y, p);
        r = config_check(c, file, p);
        if (p->count > before)
                return -EINVAL;
        *ret = TAKE_PTR(c);
        return r;
}

int config_load(const char *path, struct config **ret, struct config_problems *p)
{
        CLEANUP(buf_done) struct buf text = {0};
        buf_init(&text, CONFIG_FILE_MAX);
        int r = file_read_at(AT_FDCWD, path, &text);
        if (r == -ENOENT)
                return r;
        if (r < 0) {
                config_problem(p, path, 0, r == -E2BIG ? "larger than 64 KiB" : "%s",
                               errno_text(r));
                return r == -E2BIG ? -EINVAL : r;
        }
        return config_read(path, buf_text(&text), text.len, ret, p);
}

static struct value *value_of(const struct config *c, const char *name)
{
        const struct option *o = config_find(name);
        assert(o); /* names are ours */
        return &c->values[o - config_options];
}

int config_set(struct config *c, const char *name, const char *text, struct err *err)
{
        const struct option *o = config_find(name);
        char *canonical = NULL;
        if (!o)
                return err_set(err, -ENOENT, "%.128s: unknown option", name);
        int r = parse_text(o, text, &canonical, err);
        if (r < 0)
                return err_wrap(err, r, "%s", name);
        value_replace(value_of(c, name), canonical, xstrdup("command line"));
        return 0;
}

void config_adopt(struct config *c, const struct config *from, const char *name)
{
        value_replace(value_of(c, name), xstrdup(config_get(from, name)),
                      xstrdup(config_origin(from, name)));
}

const char *config_get(const struct config *c, const char *name)
{
        return value_of(c, name)->text;
}

uint64_t config_get_u64(const struct config *c, const char *name)
{
        uint64_t n = 0;
        int r = str_to_u64(config_get(c, name), &n);
        assert(r == 0); /* asked for a number under the name of a text */
        return n;
}

bool config_get_bool(const struct config *c, const char *name)
{
        return str_eq(config_get(c, name), "true");
}

const char *config_origin(const struct config *c, const char *name)
{
        const char *origin = value_of(c, name)->origin;
        return origin ? origin : "default";
}

int config_flatten(const struct config *c, struct buf *ret)
{
        for (size_t i = 0; i < config_options_n; i++) {
                const char *name = config_options[i].name, *text = c->values[i].text;
                int r = buf_add(ret, name, strlen(name) + 1);
                r = r < 0 ? r : buf_add(ret, text, strlen(text) + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

size_t config_diff(const struct config *a, const struct config *b, const struct option **ret)
{
        size_t n = 0;
        for (size_t i = 0; i < config_options_n; i++)
                if (!str_eq(a->values[i].text, b->values[i].text))
                        ret[n++] = &config_options[i];
        return n;
}
