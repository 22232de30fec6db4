#include "vault/request.h"
#include "base/str.h"
#include <stdio.h>

static const char *const deciding[] = {"model", "max_tokens", "stream", "tools", "mcp_servers"};

static int refuse(struct request *q, int status, const char *what, const char *detail)
{
        q->status = status;
        snprintf(q->why, sizeof q->why, "%s%.80s", what, detail);
        return -EACCES;
}

static int on_name(struct request *q, const struct scan *s, const char *name)
{
        if (s->depth != 1)
                return 0;
        if (s->escaped)
                return refuse(q, 400, "an escape in a name at the top of the request", "");
        for (size_t i = 0; i < ARRAY_LEN(deciding); i++) {
                if (!str_eq(deciding[i], name))
                        continue;
                if (q->seen & 1u << i)
                        return refuse(q, 400, "twice in the request: ", name);
                q->seen |= 1u << i;
        }
        return 0;
}

/* Tools without a type, and those that the client itself runs, reach nothing from the upstream. */
static bool runs_at_client(const char *type)
{
        static const char *const own[] = {"custom",       "function",    "bash_",
                                          "text_editor_", "memory_",     "computer_",
                                          "tool_search_", "local_shell", "apply_patch"};
        for (size_t i = 0; i < ARRAY_LEN(own); i++)
                if (str_starts(type, own[i]))
                        return true;
        return false;
}

static int on_type(struct request *q, const struct scan *s, const char *type)
{
        bool tool = s->depth == 3 && str_eq(s->levels[0].name, "tools") && s->levels[1].kind == '[';
        if (tool && !runs_at_client(type) && !route_list_has(q->route->server_tools, type))
                return refuse(q, 403, "a tool that the upstream runs is not allowed: ", type);
        if (str_eq(type, "url") && str_eq(scan_name(s, 1), "source") &&
            !route_list_has(q->route->server_tools, "url"))
                return refuse(q, 403, "a source by URL is not allowed", "");
        return 0;
}

static int on_model(struct request *q, const char *model, bool cut)
{
        snprintf(q->model, sizeof q->model, "%s", model);
        if (cut || (q->route->models[0] && !route_list_has(q->route->models, model)))
                return refuse(q, 403, "this route does not allow the model ", model);
        return 0;
}

static int on_string(struct request *q, const struct scan *s, const char *text, bool cut)
{
        if (s->depth == 1 && str_eq(s->levels[0].name, "model"))
                return on_model(q, text, cut);
        if (str_eq(scan_name(s, 0), "type"))
                return on_type(q, s, text);
        return 0;
}

static int on_token(void *ctx, const struct scan *s, enum scan_kind kind, const char *text,
                    bool cut)
{
        struct request *q = ctx;
        const char *top = s->depth ? s->levels[0].name : "";
        switch (kind) {
        case SCAN_NAME:
                return on_name(q, s, text);
        case SCAN_STRING:
                return on_string(q, s, text, cut);
        case SCAN_NUMBER:
                if (s->depth == 1 && str_eq(top, "max_tokens") &&
                    str_to_u64(text, &q->max_tokens) < 0)
                        return refuse(q, 400, "max_tokens is no whole number", "");
                return 0;
        case SCAN_WORD:
                if (s->depth == 1 && str_eq(top, "stream"))
                        q->stream = str_eq(text, "true");
                return 0;
        case SCAN_OPEN:
                /* An empty list is what some clients always send. */
                if (s->depth == 2 && str_eq(top, "mcp_servers") &&
                    !route_list_has(q->route->server_tools, "mcp_servers"))
                        return refuse(q, 403, "connectors (mcp_servers) are not allowed", "");
                return 0;
        case SCAN_CLOSE:
                break;
        }
        return 0;
}

void request_init(struct request *q, const struct route *route)
{
        *q = (struct request){.route = route};
        scan_init(&q->scan, on_token, q);
}

int request_feed(struct request *q, const char *p, size_t n)
{
        int r = scan_feed(&q->scan, p, n);
        if (r < 0 && !q->status)
                refuse(q, 400, "the body is no JSON", "");
        return r;
}
