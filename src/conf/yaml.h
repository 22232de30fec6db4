/* yaml.h - a YAML file as a flat list: nested maps become dotted names.
 *
 *     serve:                      "serve.socket" = "/run/x.sock", line 2
 *       socket: /run/x.sock
 *
 * Only what a configuration needs: maps, lists of scalars, scalars. Aliases, tags, several
 * documents, NUL bytes and maps deeper than CONFIG_DEPTH_MAX are problems. A name that is given
 * twice comes twice.
 */
#pragma once
#include "conf/config.h"

struct yaml_item {
        char *name;    /* dotted */
        char *values;  /* n_values texts, each ended by NUL */
        unsigned line; /* from 1 */
        size_t n_values;
        bool is_list;
        bool is_null; /* nothing was written behind the colon */
};
struct yaml_items {
        struct yaml_item *items;
        size_t n, cap;
};
void yaml_items_done(struct yaml_items *y);

/* 0, or -EINVAL when something was added to p; what could be read is in ret all the same, so that
 * the caller can report what is wrong with it too. */
MUST_CHECK int yaml_flatten(const char *file, const char *text, size_t n, struct yaml_items *ret,
                            struct config_problems *p);
