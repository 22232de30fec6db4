#include "vault/usage.h"
#include "base/str.h"

#define IN_DATA 5u    /* behind "data:" */
#define SKIPPED 1000u /* the rest of the line is something else */

static int on_token(void *ctx, const struct scan *s, enum scan_kind kind, const char *text,
                    bool cut UNUSED)
{
        struct usage *u = ctx;
        const struct {
                const char *name;
                uint64_t *to;
        } figures[] = {{"input_tokens", &u->input},
                       {"prompt_tokens", &u->input},
                       {"output_tokens", &u->output},
                       {"completion_tokens", &u->output},
                       {"cache_creation_input_tokens", &u->cache_write},
                       {"cache_read_input_tokens", &u->cache_read}};
        if (kind != SCAN_NUMBER || !str_eq(scan_name(s, 1), "usage"))
                return 0;
        for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
                uint64_t v;
                if (str_eq(figures[i].name, scan_name(s, 0)) && str_to_u64(text, &v) == 0)
                        *figures[i].to = v;
        }
        return 0;
}

void usage_init(struct usage *u, bool events)
{
        *u = (struct usage){.events = events};
        scan_init(&u->scan, on_token, u);
}

/* One byte of an event stream: only what stands behind "data:" is JSON, one value a line. */
static void event_byte(struct usage *u, char c)
{
        static const char data[] = "data:";
        if (c == '\n' || c == '\r') {
                u->line = 0;
                scan_init(&u->scan, on_token, u);
        } else if (u->line < IN_DATA) {
                u->line = c == data[u->line] ? u->line + 1 : SKIPPED;
        } else if (u->line == IN_DATA && u->scan.failed == 0) {
                (void)!scan_feed(&u->scan, &c, 1);
        }
}

void usage_feed(struct usage *u, struct slice data)
{
        if (!u->events) {
                (void)!scan_feed(&u->scan, data.data, data.len);
                return;
        }
        for (size_t i = 0; i < data.len; i++)
                event_byte(u, data.data[i]);
}
