/* option.h - one value that a person may set: its type, its bounds, its default, its sentence.
 *
 * The same rows describe the options of the configuration file (conf/config.h) and the flags of the
 * commands (cli/command.h). Every value has two forms: what a person writes ("512M", "30s", "1.5")
 * and the canonical text that the program reads (bytes, milliseconds and thousandths of a core in
 * decimal, "true" or "false", everything else as it is).
 */
#pragma once
#include "base/buf.h"

enum option_type {
        OPTION_BOOL,  /* true, false */
        OPTION_U64,   /* a whole number */
        OPTION_BYTES, /* "512M" -> bytes */
        OPTION_MS,    /* "30s" -> milliseconds */
        OPTION_CORES, /* "1.5" -> thousandths of a core */
        OPTION_STR,   /* one line of text; bounds are its length in bytes */
        OPTION_NAME,  /* a name of ours, see str_is_name */
        OPTION_PATH,  /* an absolute path */
        OPTION_ENUM,  /* one of `choices` */
        OPTION_LIST,  /* strings without comma; canonical: joined by commas */
};

struct option {
        const char *name; /* "sandbox.memory_default", "memory" */
        enum option_type type;
        bool reloadable;   /* takes effect without a restart of serve */
        const char *def;   /* as a person writes it; "" = not set, and then "" is allowed */
        uint64_t min, max; /* of the canonical number; both 0: no bounds */
        const char *zero;  /* what 0 means; allowed below min then. NULL: nothing special */
        const char *const *choices;                      /* OPTION_ENUM: ends with NULL */
        int (*check)(const char *text, struct err *err); /* further rule for text; NULL: none */
        const char *example; /* shown where the default is empty; NULL: none */
        const char *doc;     /* one sentence */
};

/* Appends the canonical form of what a person wrote; for a list: of one of its items.
 * -EINVAL with what is wrong and what was expected, which does not name the option. */
MUST_CHECK int option_parse(const struct option *o, const char *text, struct buf *ret,
                            struct err *err);
/* Appends "a size such as 512M, from 1 MiB to 4 GiB". */
MUST_CHECK int option_expected(const struct option *o, struct buf *ret);
/* Appends the canonical text as a person would write it. */
MUST_CHECK int option_show(const struct option *o, const char *canonical, struct buf *ret);
/* "size", "duration", "NAME"...: the type in a word for tables and manuals. */
const char *option_type_text(enum option_type t);

/* The word of the list (entries of `stride` bytes that begin with a const char *) that is most like
 * `word`, or NULL when none is near: for "did you mean". */
const char *option_suggest(const char *word, const void *list, size_t n, size_t stride);
