#include "serve/member.h"
#include <stdio.h>

const char *member_state_text(enum member_state s)
{
        static const char *const names[] = {"down", "starting", "ready", "draining", "failed"};
        return names[s];
}

static uint32_t recent_ends(const struct member *m, uint64_t now_ms)
{
        uint32_t n = 0, held = m->n_ends < MEMBER_ENDS_MAX ? m->n_ends : MEMBER_ENDS_MAX;
        for (uint32_t i = 0; i < held; i++)
                n += now_ms - m->ends_ms[i] < MEMBER_ENDS_MS;
        return n;
}

uint64_t member_ended(struct member *m, uint64_t now_ms, const char *reason)
{
        snprintf(m->reason, sizeof m->reason, "%s", reason);
        m->ends_ms[m->n_ends++ % MEMBER_ENDS_MAX] = now_ms;
        uint32_t n = recent_ends(m, now_ms);
        m->state = n >= MEMBER_ENDS_MAX ? MEMBER_FAILED : MEMBER_DOWN;
        if (m->state == MEMBER_FAILED)
                return MEMBER_ENDS_MS;
        uint64_t pause = 10ull << n; /* 20 ms after the first: a single crash is hardly noticed */
        return pause < 5000 ? pause : 5000;
}
