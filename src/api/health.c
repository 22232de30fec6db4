#include "api/handlers.h"

void health_get(struct call *c)
{
        call_json(c, 200,
                  json_pack("{s:s,s:s}", "status", c->api->draining ? "draining" : "ok", "version",
                            PADDOCK_VERSION));
}
