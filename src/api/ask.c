#include "api/handlers.h"
#include "api/hits.h"

#define NOTICE "No language model is configured; these are the best passages."

static void answer(struct call *c, const struct found *f)
{
        call_json(c, 200,
                  json_pack("{s:s,s:s,s:O,s:I}", "mode", "passages", "notice", NOTICE, "passages",
                            f->hits, "took_us", (json_int_t)f->took_us));
}

void ask_post(struct call *c)
{
        hits_ask(c, "question", answer);
}
