/* passages.h - what search and ask have in common: their request, and passages with their source.
 */
#pragma once
#include "cli/simple.h"

/* {key: the operands joined by blanks, limit, volume}; a new reference. */
json_t *passages_request(const struct invocation *inv, const char *key);
void passages_print(const json_t *hits);

#define LIMIT_FLAG                                                                                 \
        {                                                                                          \
                .o = {.name = "limit",                                                             \
                      .type = OPTION_U64,                                                          \
                      .min = 1,                                                                    \
                      .max = SEARCH_HITS_MAX,                                                      \
                      .doc = "How many passages at most; default 5."},                             \
                .letter = 'n', .arg = "N"                                                          \
        }
#define VOLUME_FLAG                                                                                \
        {                                                                                          \
                .o = {.name = "volume",                                                            \
                      .type = OPTION_NAME,                                                         \
                      .doc = "Volume whose documents are searched; default docs."},                \
                .arg = "NAME"                                                                      \
        }
