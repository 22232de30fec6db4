#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <assert.h>

/* One line that may be shown on a terminal: no control character of ASCII or (0xc2 0x80-0x9f) of
 * Latin-1. */
static void flatten(char *text)
{
        for (unsigned char *s = (unsigned char *)text; *s; s++) {
                if (*s < 0x20 || *s == 0x7f)
                        *s = ' ';
                if (*s == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0)
                        s[0] = s[1] = ' ';
        }
}

const char *errno_text(int code)
{
        int e = code < 0 ? -code : code;
#ifdef __GLIBC__
        const char *s = strerrordesc_np(e); /* strerror(3) there is not safe with threads */
#else
        const char *s = strerror(e); /* musl, in init: constant strings */
#endif
        return s ? s : "unknown error";
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
        assert(code < 0);
        if (!e)
                return code;
        va_list ap;
        va_start(ap, fmt);
        e->code = code;
        vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
        flatten(e->text);
        return code;
}

int err_sys(struct err *e, int code, const char *fmt, ...)
{
        assert(code < 0);
        if (!e)
                return code;
        va_list ap;
        va_start(ap, fmt);
        e->code = code;
        int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < sizeof e->text)
                snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", errno_text(code));
        flatten(e->text);
        return code;
}

int err_wrap(struct err *e, int code, const char *fmt, ...)
{
        assert(code < 0);
        if (!e)
                return code;
        char old[ERR_TEXT_MAX];
        snprintf(old, sizeof old, "%s", e->code && e->text[0] ? e->text : errno_text(code));
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
        e->code = code;
        if (n >= 0 && (size_t)n < sizeof e->text)
                snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", old);
        flatten(e->text);
        return code;
}

const char *err_text(const struct err *e)
{
        return e->text[0] ? e->text : errno_text(e->code);
}
