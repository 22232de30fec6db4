#include "cli/progress.h"
#include "cli/out.h"
#include "base/clock.h"

#define BAR_WIDTH 30
#define DRAW_MS   100
#define LINE_MS   10000

void progress_init(struct progress *p)
{
        *p = (struct progress){.terminal = out_is_terminal(STDERR_FILENO)};
        if (!p->terminal)
                p->next_ms = clock_boot_ms() + LINE_MS; /* what is quick needs no line */
}

static void draw_bar(const char *what, uint64_t done, uint64_t total)
{
        char bar[BAR_WIDTH + 1];
        size_t full = total ? (size_t)(done * BAR_WIDTH / total) : 0;
        full = full > BAR_WIDTH ? BAR_WIDTH : full;
        memset(bar, '.', BAR_WIDTH);
        memset(bar, '#', full);
        bar[BAR_WIDTH] = '\0';
        fprintf(stderr, "\r[%s] %s: %llu/%llu\033[K", bar, what, (unsigned long long)done,
                (unsigned long long)total);
        fflush(stderr);
}

void progress_show(struct progress *p, const char *what, uint64_t done, uint64_t total)
{
        uint64_t now = clock_boot_ms();
        if (now < p->next_ms)
                return;
        p->next_ms = now + (p->terminal ? DRAW_MS : LINE_MS);
        p->shown = p->terminal;
        if (p->terminal)
                draw_bar(what, done, total);
        else
                fprintf(stderr, "%s: %llu of %llu\n", what, (unsigned long long)done,
                        (unsigned long long)total);
}

void progress_clear(struct progress *p)
{
        if (!p->shown)
                return;
        fprintf(stderr, "\r\033[K");
        p->shown = false;
        p->next_ms = 0;
}
