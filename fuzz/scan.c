/* Requests and responses of metered routes: in one piece or byte by byte, the outcome is the same. */
#include "base/mem.h"
#include "vault/request.h"
#include "vault/usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct route route = {.models = "mock*", .meter = ROUTE_ANTHROPIC};
        static struct request whole, parts;
        static struct usage a, b;
        const char *p = (const char *)data;
        request_init(&whole, &route);
        request_init(&parts, &route);
        int r = request_feed(&whole, p, size), q = 0;
        for (size_t i = 0; i < size && q == 0; i++)
                q = request_feed(&parts, p + i, 1);
        if (r != q || whole.status != parts.status || strcmp(whole.model, parts.model) != 0)
                abort();
        for (int events = 0; events < 2; events++) {
                usage_init(&a, events);
                usage_init(&b, events);
                usage_feed(&a, (struct slice){p, size});
                for (size_t i = 0; i < size; i++)
                        usage_feed(&b, (struct slice){p + i, 1});
                if (a.input != b.input || a.output != b.output || a.cache_read != b.cache_read)
                        abort();
        }
        return 0;
}
