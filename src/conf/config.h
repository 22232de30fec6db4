/* config.h - the configuration: one table of options, and a set of checked values.
 *
 *     CLEANUP(config_problems_done) struct config_problems p;
 *     config_problems_init(&p);
 *     struct config *c = NULL;
 *     r = config_load("/etc/paddock/paddock.yaml", &c, &p);
 *     if (r < 0) fputs(buf_text(&p.text), stderr);     one line a problem: FILE:LINE: ...
 *
 * A file is taken whole or not at all: every problem of it is collected, and as long as there is
 * one no value takes effect. From the table come also etc/paddock.yaml, `paddock config` and the
 * manual. A struct config is read from any thread; it changes only by config_set.
 */
#pragma once
#include "conf/option.h"

extern const struct option config_options[];
extern const size_t config_options_n;
const struct option *config_find(const char *name); /* NULL = no such option */

struct config;

struct config_problems {
        struct buf text; /* one line a problem, each ended by a newline */
        unsigned count;
};
void config_problems_init(struct config_problems *p);
void config_problems_done(struct config_problems *p);
/* line 0: the problem has none. Problems past the first CONFIG_PROBLEMS_MAX are only counted. */
PRINTF_LIKE(4, 5)
void config_problem(struct config_problems *p, const char *file, unsigned line, const char *fmt,
                    ...);

struct config *config_new(void);    /* the defaults; never NULL */
void config_free(struct config *c); /* NULL is fine */
DEFINE_CLEANUP(struct config *, config_free);
/* The defaults with the file's values over them. -ENOENT (no such file, nothing reported), -EINVAL
 * and the problems. */
MUST_CHECK int config_load(const char *path, struct config **ret, struct config_problems *p);
/* As config_load, from memory; `file` is for the messages. */
MUST_CHECK int config_read(const char *file, const char *text, size_t n, struct config **ret,
                           struct config_problems *p);
/* One value from the command line. -ENOENT: no such option. Lists: items separated by commas. */
MUST_CHECK int config_set(struct config *c, const char *name, const char *text, struct err *err);
/* Takes the value of one option, and where it came from, over from another set. */
void config_adopt(struct config *c, const struct config *from, const char *name);
/* Rules between options, e.g. that TLS needs both its files; config_read checks them already. */
MUST_CHECK int config_check(const struct config *c, const char *file, struct config_problems *p);

/* The canonical text (see option.h); the name must be in the table. Lives until the next set. */
const char *config_get(const struct config *c, const char *name);
uint64_t config_get_u64(const struct config *c, const char *name); /* numbers of any unit */
bool config_get_bool(const struct config *c, const char *name);
/* "default", "command line" or "FILE:LINE". */
const char *config_origin(const struct config *c, const char *name);

/* Appends name NUL value NUL for every option: link/serve.h's SETTINGS. */
MUST_CHECK int config_flatten(const struct config *c, struct buf *ret);
/* The options whose values differ, into ret[config_options_n]; how many. Each says by `reloadable`
 * whether the change takes effect without a restart. */
size_t config_diff(const struct config *a, const struct config *b, const struct option **ret);

/* Generated from the table: the commented example file, and the manual's section in man(7). */
MUST_CHECK int config_example(struct buf *ret);
MUST_CHECK int config_manual(struct buf *ret);
