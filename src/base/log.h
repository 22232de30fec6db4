/* log.h - one line per event on stderr, as logfmt or JSON.
 *
 *     log_info("box.start", kv("id", id), kv("ms", ms));
 *     -> ts=2026-11-21T09:30:00.123Z level=info role=launch event=box.start id=01j... ms=2
 *
 * An event name is WHERE.WHAT. Only roles and the command line log; library code returns errors.
 * kv() takes strings, integers and bool and nothing else: a `struct secret` does not compile, and
 * prompts, tokens and document text are never passed in by rule. Values are escaped and cut at
 * LOG_VALUE_MAX bytes, so a hostile value cannot forge a line.
 *
 * log_setup is called once at start; the logger is otherwise the only global of the tree.
 */
#pragma once
#include "base/cleanup.h"

#define LOG_VALUE_MAX 512

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
        const char *key;
        const char *text; /* a string value, or NULL for a number */
        int64_t num;
        bool is_unsigned;
};

void log_setup(const char *role, enum log_level least, enum log_format format);
void log_write(enum log_level level, const char *event, const struct log_field *fields);
/* "debug" "info" "warn" "error"; -EINVAL. */
MUST_CHECK int log_level_parse(const char *s, enum log_level *ret);

static inline struct log_field log_kv_s(const char *k, const char *v)
{
        return (struct log_field){.key = k, .text = v ? v : ""};
}
static inline struct log_field log_kv_i(const char *k, int64_t v)
{
        return (struct log_field){.key = k, .num = v};
}
static inline struct log_field log_kv_u(const char *k, uint64_t v)
{
        return (struct log_field){.key = k, .num = (int64_t)v, .is_unsigned = true};
}

#define kv(k, v)                                                                                   \
        _Generic((v),                                                                              \
                char *: log_kv_s,                                                                  \
                const char *: log_kv_s,                                                            \
                bool: log_kv_i,                                                                    \
                int: log_kv_i,                                                                     \
                long: log_kv_i,                                                                    \
                long long: log_kv_i,                                                               \
                unsigned char: log_kv_u,                                                           \
                unsigned short: log_kv_u,                                                          \
                unsigned: log_kv_u,                                                                \
                unsigned long: log_kv_u,                                                           \
                unsigned long long: log_kv_u)(k, v)

#define log_event(level, ...)         log_event_(level, __VA_ARGS__, (struct log_field){0})
#define log_event_(level, event, ...) log_write(level, event, (struct log_field[]){__VA_ARGS__})
#define log_debug(...)                log_event(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)                 log_event(LOG_INFO, __VA_ARGS__)
#define log_warn(...)                 log_event(LOG_WARN, __VA_ARGS__)
#define log_error(...)                log_event(LOG_ERROR, __VA_ARGS__)
