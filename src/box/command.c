#include "box/command.h"
#include "base/limits.h"
#include "base/mem.h"

static uint32_t u32_at(const char *p)
{
        const unsigned char *u = (const unsigned char *)p;
        return u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

/* n strings from the text into a NULL-terminated array; *p moves on. NULL: not that many. */
static char **take_strings(const char **p, const char *end, uint32_t n)
{
        char **list = xcalloc(n + 1, sizeof(char *)); /* bounded by ARGS_COUNT_MAX */
        for (uint32_t i = 0; i < n; i++) {
                const char *nul = *p < end ? memchr(*p, 0, (size_t)(end - *p)) : NULL;
                if (!nul) {
                        free(list);
                        return NULL;
                }
                list[i] = (char *)*p;
                *p = nul + 1;
        }
        return list;
}

void command_done(struct command *c)
{
        free(c->argv);
        free(c->env);
        c->argv = c->env = NULL;
}

int command_parse(const char *text, size_t n, struct command *ret, struct err *err)
{
        if (n < 8 || n > ARGS_BYTES_MAX)
                return err_set(err, -EINVAL, "command: expected 8 bytes to 2 MiB");
        uint32_t argc = u32_at(text), envc = u32_at(text + 4);
        if (argc > ARGS_COUNT_MAX || envc > ARGS_COUNT_MAX)
                return err_set(err, -EINVAL,
                               "command: expected at most %d arguments and %d variables",
                               ARGS_COUNT_MAX, ARGS_COUNT_MAX);
        const char *p = text + 8, *end = text + n;
        struct command c = {take_strings(&p, end, argc), NULL};
        if (c.argv)
                c.env = take_strings(&p, end, envc);
        if (!c.env || p != end) {
                command_done(&c);
                return err_set(err, -EINVAL, "command: strings missing or left over");
        }
        *ret = c;
        return 0;
}
