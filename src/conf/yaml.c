#include "conf/yaml.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include <yaml.h>

struct reader {
        yaml_parser_t parser;
        const char *file;
        struct yaml_items *out;
        struct config_problems *problems;
        char name[CONFIG_NAME_MAX + 1]; /* of the node being read */
        unsigned depth;
};

static void reader_done(struct reader *rd)
{
        yaml_parser_delete(&rd->parser);
}

void yaml_items_done(struct yaml_items *y)
{
        for (size_t i = 0; i < y->n; i++) {
                free(y->items[i].name);
                free(y->items[i].values);
        }
        free(y->items);
        *y = (struct yaml_items){0};
}

static unsigned line_of(const yaml_event_t *e)
{
        return (unsigned)e->start_mark.line + 1;
}

static const char *shown_name(const struct reader *rd)
{
        return rd->name[0] ? rd->name : "the file";
}

/* The next event, to be deleted by the caller; -EINVAL (reported) where the text is not YAML. */
static int next(struct reader *rd, yaml_event_t *ret)
{
        if (yaml_parser_parse(&rd->parser, ret))
                return 0;
        const yaml_parser_t *p = &rd->parser;
        size_t line = p->error == YAML_READER_ERROR ? 0 : p->problem_mark.line + 1;
        config_problem(rd->problems, rd->file, (unsigned)line, "not valid YAML: %s%s%s",
                       p->context ? p->context : "", p->context ? ", " : "",
                       p->problem ? p->problem : "cannot be read");
        return -EINVAL;
}

static const char *scalar(const yaml_event_t *e)
{
        return (const char *)e->data.scalar.value;
}

/* A scalar that is plain data; reports what it is instead. */
static bool scalar_ok(struct reader *rd, const yaml_event_t *e)
{
        const char *why = NULL;
        if (e->type == YAML_ALIAS_EVENT)
                why = "aliases are not supported here";
        else if (e->type != YAML_SCALAR_EVENT)
                why = "expected a single value here";
        else if (e->data.scalar.tag || e->data.scalar.anchor)
                why = "tags and anchors are not supported here";
        else if (strlen(scalar(e)) != e->data.scalar.length)
                why = "contains a NUL";
        if (why)
                config_problem(rd->problems, rd->file, line_of(e), "%s: %s", shown_name(rd), why);
        return !why;
}

static bool scalar_null(const yaml_event_t *e)
{
        const char *s = scalar(e);
        return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (!*s || str_eq(s, "~"));
}

static struct yaml_item *item_add(struct reader *rd, unsigned line)
{
        struct yaml_items *y = rd->out;
        if (y->n == y->cap) {
                y->cap = y->cap ? y->cap * 2 : 32;
                y->items = xrealloc(y->items, y->cap * sizeof *y->items);
        }
        y->items[y->n] = (struct yaml_item){.name = xstrdup(rd->name), .line = line};
        return &y->items[y->n++];
}

/* Skips what belongs to a map or list whose start was just read. */
static int skip(struct reader *rd)
{
        for (int depth = 1; depth > 0;) {
                yaml_event_t e;
                int r = next(rd, &e);
                if (r < 0)
                        return r;
                bool starts =
                        e.type == YAML_MAPPING_START_EVENT || e.type == YAML_SEQUENCE_START_EVENT;
                bool ends = e.type == YAML_MAPPING_END_EVENT || e.type == YAML_SEQUENCE_END_EVENT;
                depth += starts - ends;
                yaml_event_delete(&e);
        }
        return 0;
}

static int list(struct reader *rd, unsigned line)
{
        CLEANUP(buf_done) struct buf values = {0};
        buf_init(&values, CONFIG_FILE_MAX);
        size_t n = 0;
        for (bool more = true; more;) {
                yaml_event_t e;
                int r = next(rd, &e);
                if (r < 0)
                        return r;
                more = e.type != YAML_SEQUENCE_END_EVENT;
                if (more && scalar_ok(rd, &e)) {
                        r = buf_add(&values, scalar(&e), e.data.scalar.length + 1);
                        n++;
                } else if (e.type == YAML_MAPPING_START_EVENT ||
                           e.type == YAML_SEQUENCE_START_EVENT) {
                        r = skip(rd);
                }
                yaml_event_delete(&e);
                if (r < 0)
                        return r;
        }
        struct yaml_item *it = item_add(rd, line);
        it->is_list = true;
        it->n_values = n;
        it->values = buf_take(&values);
        return 0;
}

static int map(struct reader *rd);

/* The value of the key rd->name; e is its first event. */
static int value(struct reader *rd, const yaml_event_t *e)
{
        if (e->type == YAML_SEQUENCE_START_EVENT)
                return list(rd, line_of(e));
        if (e->type == YAML_MAPPING_START_EVENT && rd->depth < CONFIG_DEPTH_MAX)
                return map(rd);
        if (e->type == YAML_MAPPING_START_EVENT) {
                config_problem(rd->problems, rd->file, line_of(e), "%s: nested too deep", rd->name);
                return skip(rd);
        }
        if (!scalar_ok(rd, e))
                return 0;
        struct yaml_item *it = item_add(rd, line_of(e));
        it->n_values = 1;
        it->is_null = scalar_null(e);
        it->values = xstrdup(scalar(e));
        return 0;
}

/* Appends ".key" to the name; false and reported when that is too long or no name at all. */
static bool name_push(struct reader *rd, const yaml_event_t *key)
{
        size_t len = strlen(rd->name), add = key->data.scalar.length;
        if (add == 0 || len + add + 1 > CONFIG_NAME_MAX) {
                config_problem(rd->problems, rd->file, line_of(key), "%s: %s", shown_name(rd),
                               add ? "a key is too long" : "a key is empty");
                return false;
        }
        if (len)
                rd->name[len++] = '.';
        memcpy(rd->name + len, scalar(key), add + 1);
        return true;
}

static int pair(struct reader *rd, const yaml_event_t *key)
{
        yaml_event_t e;
        size_t len = strlen(rd->name);
        bool ok = scalar_ok(rd, key);
        bool complex =
                key->type == YAML_MAPPING_START_EVENT || key->type == YAML_SEQUENCE_START_EVENT;
        int r = complex ? skip(rd) : 0;
        if (r < 0)
                return r;
        ok = ok && name_push(rd, key);
        r = next(rd, &e);
        if (r < 0)
                return r;
        if (ok)
                r = value(rd, &e);
        else if (e.type == YAML_MAPPING_START_EVENT || e.type == YAML_SEQUENCE_START_EVENT)
                r = skip(rd);
        yaml_event_delete(&e);
        rd->name[len] = '\0';
        return r;
}

static int map(struct reader *rd)
{
        rd->depth++;
        for (bool more = true; more;) {
                yaml_event_t key;
                int r = next(rd, &key);
                if (r < 0)
                        return r;
                more = key.type != YAML_MAPPING_END_EVENT;
                r = more ? pair(rd, &key) : 0;
                yaml_event_delete(&key);
                if (r < 0)
                        return r;
        }
        rd->depth--;
        return 0;
}

static int document(struct reader *rd, const yaml_event_t *e)
{
        if (e->type == YAML_MAPPING_START_EVENT)
                return map(rd);
        if (e->type == YAML_SCALAR_EVENT && scalar_null(e))
                return 0;
        config_problem(rd->problems, rd->file, line_of(e),
                       "expected options, one a line, such as 'log.level: info'");
        return e->type == YAML_SEQUENCE_START_EVENT ? skip(rd) : 0;
}

static int stream(struct reader *rd)
{
        unsigned documents = 0;
        for (bool more = true; more;) {
                yaml_event_t e;
                int r = next(rd, &e);
                if (r < 0)
                        return r;
                if (e.type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
                        config_problem(rd->problems, rd->file, line_of(&e),
                                       "a second document begins here, expected one");
                        r = -EINVAL;
                } else if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_STREAM_END_EVENT &&
                           e.type != YAML_DOCUMENT_START_EVENT &&
                           e.type != YAML_DOCUMENT_END_EVENT) {
                        r = document(rd, &e);
                }
                more = e.type != YAML_STREAM_END_EVENT;
                yaml_event_delete(&e);
                if (r < 0)
                        return r;
        }
        return 0;
}

int yaml_flatten(const char *file, const char *text, size_t n, struct yaml_items *ret,
                 struct config_problems *p)
{
        unsigned before = p->count;
        CLEANUP(reader_done) struct reader rd = {.file = file, .out = ret, .problems = p};
        if (!yaml_parser_initialize(&rd.parser))
                return -ENOMEM;
        if (n > CONFIG_FILE_MAX) {
                config_problem(p, file, 0, "larger than %u bytes", CONFIG_FILE_MAX);
                return -EINVAL;
        }
        yaml_parser_set_encoding(&rd.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&rd.parser, (const unsigned char *)text, n);
        int r = stream(&rd);
        if (r < 0 && r != -EINVAL)
                return r;
        return p->count > before ? -EINVAL : 0;
}
