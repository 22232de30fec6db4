#include "api/fields.h"
#include "base/str.h"

static int check_object(const json_t *o, const struct field *fields, const char *where,
                        struct err *err);

static const char *type_text(enum field_type t)
{
        static const char *const names[] = {[FIELD_STR] = "a string",
                                            [FIELD_U64] = "a whole number",
                                            [FIELD_I64] = "an integer",
                                            [FIELD_NUM] = "a number",
                                            [FIELD_BOOL] = "true or false",
                                            [FIELD_OBJ] = "an object",
                                            [FIELD_LIST] = "a list of objects",
                                            [FIELD_STRS] = "a list of strings",
                                            [FIELD_MAP] = "an object of strings",
                                            [FIELD_TEXTS] = "a string or a list of strings",
                                            [FIELD_ANY] = "a value"};
        return names[t];
}

static int wrong(const struct field *f, const char *where, struct err *err)
{
        return err_set(err, -EINVAL, "%s%s: expected %s", where, f->name, type_text(f->type));
}

static int check_list(const json_t *v, const struct field *f, const char *where, struct err *err)
{
        size_t i;
        json_t *item;
        json_array_foreach(v, i, item)
        {
                char below[128];
                bool texts = f->type == FIELD_STRS || f->type == FIELD_TEXTS;
                if (texts && !json_is_string(item))
                        return wrong(f, where, err);
                if (texts)
                        continue;
                snprintf(below, sizeof below, "%s%s[%zu].", where, f->name, i);
                int r = check_object(item, f->of, below, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_map(const json_t *v, const struct field *f, const char *where, struct err *err)
{
        const char *key;
        json_t *item;
        json_object_foreach((json_t *)v, key, item)
        {
                if (!json_is_string(item))
                        return wrong(f, where, err);
        }
        return 0;
}

static int check_value(const json_t *v, const struct field *f, const char *where, struct err *err)
{
        char below[128];
        switch (f->type) {
        case FIELD_ANY:
                return 0;
        case FIELD_TEXTS:
                if (json_is_string(v))
                        return 0;
                return json_is_array(v) ? check_list(v, f, where, err) : wrong(f, where, err);
        case FIELD_STR:
                return json_is_string(v) ? 0 : wrong(f, where, err);
        case FIELD_U64:
                return json_is_integer(v) && json_integer_value(v) >= 0 ? 0 : wrong(f, where, err);
        case FIELD_I64:
                return json_is_integer(v) ? 0 : wrong(f, where, err);
        case FIELD_NUM:
                return json_is_number(v) ? 0 : wrong(f, where, err);
        case FIELD_BOOL:
                return json_is_boolean(v) ? 0 : wrong(f, where, err);
        case FIELD_STRS:
        case FIELD_LIST:
                return json_is_array(v) ? check_list(v, f, where, err) : wrong(f, where, err);
        case FIELD_MAP:
                return json_is_object(v) ? check_map(v, f, where, err) : wrong(f, where, err);
        case FIELD_OBJ:
                snprintf(below, sizeof below, "%s%s.", where, f->name);
                return check_object(v, f->of, below, err);
        }
        return 0;
}

static const struct field *find(const struct field *fields, const char *name)
{
        for (const struct field *f = fields; f && f->name; f++)
                if (str_eq(f->name, name))
                        return f;
        return NULL;
}

static int check_object(const json_t *o, const struct field *fields, const char *where,
                        struct err *err)
{
        const char *key;
        json_t *v;
        if (!json_is_object(o))
                return err_set(err, -EINVAL, "%sexpected an object", where);
        json_object_foreach((json_t *)o, key, v)
        {
                const struct field *f = find(fields, key);
                if (!f)
                        return err_set(err, -EINVAL, "unknown field '%s%.64s'", where, key);
                int r = json_is_null(v) ? 0 : check_value(v, f, where, err);
                if (r < 0)
                        return r;
        }
        for (const struct field *f = fields; f && f->name; f++) {
                v = json_object_get(o, f->name);
                if (f->required && (!v || json_is_null(v)))
                        return err_set(err, -EINVAL, "%s%s: missing", where, f->name);
        }
        return 0;
}

int fields_check(const json_t *o, const struct field *fields, struct err *err)
{
        return check_object(o, fields, "", err);
}

json_t *field_schema(const struct field *f)
{
        json_t *s = NULL;
        switch (f->type) {
        case FIELD_ANY:
                s = json_object();
                break;
        case FIELD_TEXTS:
                s = json_pack("{s:[{s:s},{s:s,s:{s:s}}]}", "oneOf", "type", "string", "type",
                              "array", "items", "type", "string");
                break;
        case FIELD_STR:
                s = json_pack("{s:s}", "type", "string");
                break;
        case FIELD_U64:
                s = json_pack("{s:s,s:i}", "type", "integer", "minimum", 0);
                break;
        case FIELD_I64:
                s = json_pack("{s:s}", "type", "integer");
                break;
        case FIELD_NUM:
                s = json_pack("{s:s}", "type", "number");
                break;
        case FIELD_BOOL:
                s = json_pack("{s:s}", "type", "boolean");
                break;
        case FIELD_OBJ:
                s = fields_schema(f->of);
                break;
        case FIELD_LIST:
                s = json_pack("{s:s,s:o}", "type", "array", "items", fields_schema(f->of));
                break;
        case FIELD_STRS:
                s = json_pack("{s:s,s:{s:s}}", "type", "array", "items", "type", "string");
                break;
        case FIELD_MAP:
                s = json_pack("{s:s,s:{s:s}}", "type", "object", "additionalProperties", "type",
                              "string");
                break;
        }
        if (f->doc)
                json_object_set_new(s, "description", json_string(f->doc));
        return s;
}

json_t *fields_schema(const struct field *fields)
{
        json_t *properties = json_object(), *required = json_array();
        for (const struct field *f = fields; f && f->name; f++) {
                json_object_set_new(properties, f->name, field_schema(f));
                if (f->required)
                        json_array_append_new(required, json_string(f->name));
        }
        json_t *s = json_pack("{s:s,s:o,s:b}", "type", "object", "properties", properties,
                              "additionalProperties", 0);
        if (json_array_size(required))
                json_object_set(s, "required", required);
        json_decref(required);
        return s;
}
