/* request.h - what a request to a metered route asks for, read as its body passes: refused before the
 * upstream has all of it.
 *
 * Refused: a repeated or escaped name of those that decide (model, max_tokens, stream, tools,
 * mcp_servers); a model that the route does not list; tools that the upstream runs itself and that
 * reach outside (web search and fetch, code execution), connectors (mcp_servers) and sources by URL,
 * unless `server_tools` of the route names them: "web_search*", "mcp_servers", "url".
 */
#pragma once
#include "role/routes.h"
#include "vault/scan.h"

struct request {
        struct scan scan;
        const struct route *route; /* borrowed */
        unsigned seen;
        char model[SCAN_TEXT];
        uint64_t max_tokens;
        bool stream;
        int status; /* of the refusal; 0 */
        char why[160];
};

void request_init(struct request *q, const struct route *route);
/* 0, or negative with q->status and q->why set. */
MUST_CHECK int request_feed(struct request *q, const char *p, size_t n);
