/* The OpenAPI document, made from the table of routes. */
#include "api/handlers.h"
#include "api/router.h"
#include "base/str.h"
#include <ctype.h>

static const struct field error_inner[] = {
        {"code", FIELD_STR, true,
         "invalid, unauthenticated, forbidden, not-found, conflict, "
         "too-large, busy, unavailable or internal",
         NULL},
        {"message", FIELD_STR, true, "One sentence for a person.", NULL},
        {"request_id", FIELD_STR, true, "Also in the header X-Request-Id and in the log.", NULL},
        FIELD_END};
static const struct field error_fields[] = {{"error", FIELD_OBJ, true, NULL, error_inner},
                                            FIELD_END};

/* "{path...}" is our way to say that slashes belong to it; OpenAPI has none, and writes {path}. */
static void public_path(char *dst, size_t size, const char *path)
{
        size_t n = 0;
        for (const char *s = path; *s && n + 1 < size; s++) {
                if (memcmp(s, "...}", strlen(s) < 4 ? strlen(s) : 4) == 0 && strlen(s) >= 4)
                        s += 3;
                dst[n++] = *s;
        }
        dst[n] = '\0';
}

static void add_parameter(json_t *list, const char *name, const char *in, bool required,
                          json_t *schema, const char *doc)
{
        json_t *p = json_pack("{s:s,s:s,s:b,s:o}", "name", name, "in", in, "required",
                              (int)required, "schema", schema);
        if (doc)
                json_object_set_new(p, "description", json_string(doc));
        json_array_append_new(list, p);
}

static json_t *parameters(const struct route *r)
{
        json_t *list = json_array();
        for (const char *s = strchr(r->path, '{'); s; s = strchr(s + 1, '{')) {
                char name[32];
                snprintf(name, sizeof name, "%.*s", (int)strcspn(s + 1, ".}"), s + 1);
                add_parameter(list, name, "path", true, json_pack("{s:s}", "type", "string"), NULL);
        }
        for (const struct field *f = r->query; f && f->name; f++)
                add_parameter(list, f->name, "query", f->required, field_schema(f), NULL);
        return list;
}

static json_t *content(const char *type, json_t *schema)
{
        return json_pack("{s:{s:o}}", type, "schema", schema);
}

static json_t *bytes_schema(void)
{
        return json_pack("{s:s,s:s}", "type", "string", "format", "binary");
}

static json_t *operation(const struct route *r)
{
        char status[8], id[128];
        size_t n = 0;
        snprintf(status, sizeof status, "%d", r->status);
        snprintf(id, sizeof id, "%s%s", r->method, r->path);
        for (const char *s = id; *s; s++)
                if (isalnum((unsigned char)*s))
                        id[n++] = (char)tolower((unsigned char)*s);
                else if (n && id[n - 1] != '_')
                        id[n++] = '_';
        id[n - (n && id[n - 1] == '_')] = '\0';
        json_t *answer = r->type ? content(r->type, bytes_schema())
                                 : content("application/json", fields_schema(r->answer));
        if (r->status == 101) {
                json_decref(answer);
                answer = json_object();
        }
        static const char *const scopes[] = {"member", "sandbox", "operator"};
        json_t *op = json_pack("{s:s,s:s,s:s,s:o,s:{s:{s:s,s:o},s:{s:s,s:o}},s:[{s:[]},{s:[]}]}",
                               "operationId", id, "summary", r->summary, "x-scope",
                               scopes[r->scope], "parameters", parameters(r), "responses", status,
                               "description", "Success.", "content", answer, "default",
                               "description", "The request was refused or failed.", "content",
                               content("application/json", fields_schema(error_fields)), "security",
                               "bearer", "apiKey");
        if (r->body)
                json_object_set_new(op, "requestBody",
                                    json_pack("{s:b,s:o}", "required", 1, "content",
                                              content("application/json", fields_schema(r->body))));
        if (r->upload)
                json_object_set_new(op, "requestBody",
                                    json_pack("{s:b,s:o}", "required", 1, "content",
                                              content("application/octet-stream", bytes_schema())));
        return op;
}

json_t *openapi_document(void)
{
        json_t *paths = json_object();
        for (size_t i = 0; i < routes_n; i++) {
                char path[256], method[16];
                size_t n = 0;
                public_path(path, sizeof path, routes[i].path);
                for (const char *s = routes[i].method; *s && n + 1 < sizeof method; s++)
                        method[n++] = (char)tolower((unsigned char)*s);
                method[n] = '\0';
                if (!json_object_get(paths, path))
                        json_object_set_new(paths, path, json_object());
                json_object_set_new(json_object_get(paths, path), method, operation(&routes[i]));
        }
        return json_pack("{s:s,s:{s:s,s:s},s:o,s:{s:{s:{s:s,s:s},s:{s:s,s:s,s:s}}}}", "openapi",
                         "3.0.3", "info", "title", "Paddock", "version", PADDOCK_VERSION, "paths",
                         paths, "components", "securitySchemes", "bearer", "type", "http", "scheme",
                         "bearer", "apiKey", "type", "apiKey", "in", "header", "name", "X-API-Key");
}

void openapi_get(struct call *c)
{
        call_json(c, 200, openapi_document());
}
