#include "cli/simple.h"
#include "base/mem.h"

int simple_call(const struct invocation *inv, enum server_start start, const char *method,
                const char *target, json_t *body, print_fn print)
{
        struct err err = {0};
        auto_json json_t *owned = body, *answer = NULL;
        CLEANUP(client_freep) struct client *c = NULL;
        int r = server_connect(inv, start, &c, &err);
        r = r < 0 ? r : client_call(c, method, target, owned, &answer, &err);
        if (r < 0)
                return fail(r, &err);
        if (inv->json && answer)
                out_json(answer);
        else if (answer && print)
                print(answer);
        return EXIT_DONE;
}

const char *target_of(struct buf *b, const char *prefix, const char *operand, const char *suffix)
{
        buf_init(b, 65536);
        int r = buf_adds(b, prefix);
        r = r < 0 ? r : url_put(b, operand, true);
        r = r < 0 ? r : buf_adds(b, suffix);
        return r < 0 ? "/" : buf_text(b); /* only where memory is out: the server then says 404 */
}

const json_t *list_in(const json_t *answer, const char *key)
{
        static json_t *nothing;
        const json_t *list = json_object_get(answer, key);
        if (json_is_array(list))
                return list;
        if (!nothing)
                nothing = json_array();
        return nothing;
}
