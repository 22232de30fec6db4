#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include <stdio.h>

#define LINE_MAX_BYTES 65536 /* twenty values of which every byte is escaped */

static struct {
        const char *role;
        enum log_level least;
        enum log_format format;
} logger = {.role = "paddock", .least = LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(const char *role, enum log_level least, enum log_format format)
{
        logger.role = role;
        logger.least = least;
        logger.format = format;
}

int log_level_parse(const char *s, enum log_level *ret)
{
        for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
                if (strcmp(s, level_names[i]) == 0) {
                        *ret = (enum log_level)i;
                        return 0;
                }
        return -EINVAL;
}

/* One character of a value, or one byte that is none; how many bytes it was. Control characters (of
 * ASCII and of Latin-1) and what is not UTF-8 become \u00xx. */
static size_t put_char(struct buf *b, const char *s, size_t n, int *ret_r)
{
        unsigned char c = (unsigned char)*s;
        size_t len = utf8_char(s, n);
        if (c == '"' || c == '\\')
                *ret_r = buf_addf(b, "\\%c", c);
        else if (!len || c < 0x20 || c == 0x7f)
                *ret_r = buf_addf(b, "\\u%04x", c);
        else if (c == 0xc2 && (unsigned char)s[1] < 0xa0)
                *ret_r = buf_addf(b, "\\u%04x", (unsigned char)s[1]);
        else
                *ret_r = buf_add(b, s, len);
        return len ? len : 1;
}

/* Writes s with quotes and escapes where logfmt or JSON need them. */
static int put_value(struct buf *b, const char *s, bool always_quote)
{
        size_t n = strnlen(s, LOG_VALUE_MAX);
        bool quote = always_quote || n == 0;
        for (size_t i = 0; i < n && !quote; i++)
                quote = (unsigned char)s[i] <= ' ' || s[i] == '"' || s[i] == '=' || s[i] == '\\' ||
                        (unsigned char)s[i] >= 0x7f;
        int r = quote ? buf_adds(b, "\"") : 0;
        for (size_t i = 0; i < n && r == 0;)
                i += put_char(b, s + i, n - i, &r);
        return r < 0 || !quote ? r : buf_adds(b, "\"");
}

static int put_field(struct buf *b, const struct log_field *f)
{
        bool json = logger.format == LOG_JSON;
        int r = json ? buf_addf(b, ",\"%s\":", f->key) : buf_addf(b, " %s=", f->key);
        if (r < 0)
                return r;
        if (f->text)
                return put_value(b, f->text, json);
        return f->is_unsigned ? buf_addf(b, "%llu", (unsigned long long)f->num)
                              : buf_addf(b, "%lld", (long long)f->num);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
        if (level < logger.least)
                return;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, LINE_MAX_BYTES);
        char ts[25];
        clock_text(ts, clock_wall_ms());
        const char *head =
                logger.format == LOG_JSON
                        ? "{\"ts\":\"%s\",\"level\":\"%s\",\"role\":\"%s\",\"event\":\"%s\""
                        : "ts=%s level=%s role=%s event=%s";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        int r = buf_addf(&b, head, ts, level_names[level], logger.role, event);
#pragma GCC diagnostic pop
        for (const struct log_field *f = fields; r == 0 && f->key; f++)
                r = put_field(&b, f);
        if (r == 0)
                r = buf_adds(&b, logger.format == LOG_JSON ? "}\n" : "\n");
        if (r == 0 && write(STDERR_FILENO, b.data, b.len) < 0)
                return; /* nowhere left to say it */
}
