#include "conf/yaml_json.h"
#include "base/str.h"
#include <yaml.h>

#define DEPTH_MAX 16
#define NODES_MAX 100000

struct reader {
        yaml_parser_t parser;
        struct err *err;
        unsigned depth, nodes;
};

static void reader_done(struct reader *rd)
{
        yaml_parser_delete(&rd->parser);
}

static int bad(struct reader *rd, const yaml_event_t *e, const char *why)
{
        return err_set(rd->err, -EINVAL, "line %zu: %s", e->start_mark.line + 1, why);
}

static int next(struct reader *rd, yaml_event_t *ret)
{
        if (yaml_parser_parse(&rd->parser, ret))
                return 0;
        return err_set(rd->err, -EINVAL, "line %zu: not valid YAML: %s",
                       rd->parser.problem_mark.line + 1,
                       rd->parser.problem ? rd->parser.problem : "cannot be read");
}

static json_t *plain(const char *s)
{
        uint64_t n;
        bool minus = *s == '-';
        if (!*s || str_eq(s, "~") || str_eq(s, "null"))
                return json_null();
        if (str_eq(s, "true") || str_eq(s, "false"))
                return json_boolean(*s == 't');
        /* 0644 is octal for some readers and decimal for others: it stays text */
        if ((s[minus] != '0' || !s[minus + 1]) && str_to_u64(s + minus, &n) == 0 && n <= INT64_MAX)
                return json_integer(minus ? -(json_int_t)n : (json_int_t)n);
        return json_string(s);
}

static int scalar(struct reader *rd, const yaml_event_t *e, json_t **ret)
{
        const char *s = (const char *)e->data.scalar.value;
        if (e->data.scalar.tag || e->data.scalar.anchor)
                return bad(rd, e, "tags and anchors are not supported here");
        if (strlen(s) != e->data.scalar.length)
                return bad(rd, e, "contains a NUL");
        *ret = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain(s) : json_string(s);
        return *ret ? 0 : bad(rd, e, "not UTF-8");
}

static int node(struct reader *rd, const yaml_event_t *e, json_t **ret);

static int list(struct reader *rd, json_t *to)
{
        for (;;) {
                yaml_event_t e;
                json_t *item = NULL;
                int r = next(rd, &e);
                if (r < 0)
                        return r;
                bool end = e.type == YAML_SEQUENCE_END_EVENT;
                r = end ? 0 : node(rd, &e, &item);
                yaml_event_delete(&e);
                if (end || r < 0)
                        return r;
                if (json_array_append_new(to, item) < 0)
                        return -ENOMEM;
        }
}

static int pair(struct reader *rd, const yaml_event_t *key, json_t *to)
{
        yaml_event_t e;
        json_t *value = NULL;
        if (key->type != YAML_SCALAR_EVENT || key->data.scalar.tag || key->data.scalar.anchor)
                return bad(rd, key, "expected a plain key");
        const char *name = (const char *)key->data.scalar.value;
        if (strlen(name) != key->data.scalar.length || json_object_get(to, name))
                return bad(rd, key, "a key with a NUL, or given twice");
        int r = next(rd, &e);
        if (r < 0)
                return r;
        r = node(rd, &e, &value);
        yaml_event_delete(&e);
        if (r < 0)
                return r;
        return json_object_set_new(to, name, value) < 0 ? bad(rd, key, "not UTF-8") : 0;
}

static int map(struct reader *rd, json_t *to)
{
        for (;;) {
                yaml_event_t key;
                int r = next(rd, &key);
                if (r < 0)
                        return r;
                bool end = key.type == YAML_MAPPING_END_EVENT;
                r = end ? 0 : pair(rd, &key, to);
                yaml_event_delete(&key);
                if (end || r < 0)
                        return r;
        }
}

static int nested(struct reader *rd, const yaml_event_t *e, json_t **ret)
{
        bool is_map = e->type == YAML_MAPPING_START_EVENT;
        if (is_map ? e->data.mapping_start.anchor || e->data.mapping_start.tag
                   : e->data.sequence_start.anchor || e->data.sequence_start.tag)
                return bad(rd, e, "tags and anchors are not supported here");
        if (rd->depth >= DEPTH_MAX)
                return bad(rd, e, "nested too deep");
        auto_json json_t *j = is_map ? json_object() : json_array();
        rd->depth++;
        int r = is_map ? map(rd, j) : list(rd, j);
        rd->depth--;
        if (r == 0)
                *ret = json_incref(j);
        return r;
}

static int node(struct reader *rd, const yaml_event_t *e, json_t **ret)
{
        if (++rd->nodes > NODES_MAX)
                return bad(rd, e, "too much in one file");
        if (e->type == YAML_SCALAR_EVENT)
                return scalar(rd, e, ret);
        if (e->type == YAML_MAPPING_START_EVENT || e->type == YAML_SEQUENCE_START_EVENT)
                return nested(rd, e, ret);
        return bad(rd, e, "aliases are not supported here");
}

/* STREAM-START, DOCUMENT-START, one node, DOCUMENT-END, STREAM-END. */
static int document(struct reader *rd, json_t **ret)
{
        static const yaml_event_type_t frame[] = {YAML_STREAM_START_EVENT,
                                                  YAML_DOCUMENT_START_EVENT, YAML_NO_EVENT,
                                                  YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT};
        auto_json json_t *j = NULL;
        for (size_t i = 0; i < ARRAY_LEN(frame); i++) {
                yaml_event_t e;
                int r = next(rd, &e);
                if (r < 0)
                        return r;
                if (frame[i] == YAML_NO_EVENT)
                        r = node(rd, &e, &j);
                else if (e.type != frame[i])
                        r = bad(rd, &e, "expected one document");
                yaml_event_delete(&e);
                if (r < 0)
                        return r;
        }
        *ret = json_incref(j);
        return 0;
}

int yaml_to_json(const char *text, size_t n, json_t **ret, struct err *err)
{
        CLEANUP(reader_done) struct reader rd = {.err = err};
        if (!yaml_parser_initialize(&rd.parser))
                return err_sys(err, -ENOMEM, "YAML");
        if (n > YAML_JSON_MAX)
                return err_set(err, -E2BIG, "larger than %u bytes", YAML_JSON_MAX);
        yaml_parser_set_encoding(&rd.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&rd.parser, (const unsigned char *)text, n);
        int r = document(&rd, ret);
        return r == -ENOMEM ? err_sys(err, r, "YAML") : r;
}
