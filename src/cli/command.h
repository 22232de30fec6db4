/* command.h - the command line as data: one `const struct command` a command, one row a flag.
 *
 * From the rows come parsing, --help, the manual pages and the shell completion, so that none of
 * them can disagree with another. A command lives in the file of its noun and is listed in
 * commands.c.
 *
 *     static const struct flag flags[] = {
 *             {.o = {.name = "memory", .type = OPTION_BYTES, .doc = "..."}, .arg = "SIZE"},
 *             {.o = {.name = "detach", .doc = "..."}, .letter = 'd'},
 *             FLAGS_END,
 *     };
 *     const struct command command_run = {
 *             .name = "run", .operands = "[--] COMMAND [ARGUMENT]...", ...
 *     };
 */
#pragma once
#include "conf/option.h"

/* The exit codes, one table: docs and `paddock help` print it. */
enum exit_code {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_BAD_USAGE = 2,
        EXIT_NO_SERVER = 69,
        EXIT_TRY_LATER = 75,
        EXIT_NOT_ALLOWED = 77,
        EXIT_TIME_LIMIT = 124, /* run */
        EXIT_LOST = 125,       /* run: the infrastructure failed, not the command */
        EXIT_MEMORY = 137,     /* run */
};

struct flag {
        struct option o; /* name, type, bounds, sentence; only where arg is set all but name, doc */
        char letter;     /* 0: none */
        const char *arg; /* what stands for the value in the help; NULL: a switch */
        bool repeated;   /* may be given several times; otherwise the last one would hide another */
};

#define FLAGS_END                                                                                  \
        {                                                                                          \
                .letter = 0                                                                        \
        }

struct invocation;
struct command {
        const char *name;         /* "run", "volume put" */
        const char *operands;     /* as the help shows them; "" none */
        const char *summary;      /* one sentence */
        const char *details;      /* further paragraphs for the manual, or NULL */
        const struct flag *flags; /* ends with a row without name; NULL: only the common ones */
        unsigned min_operands, max_operands;
        bool flags_first; /* the first operand ends the flags: what follows is another's command */
        bool hidden;      /* not in the overview */
        int (*run)(struct invocation *inv); /* the exit status */
};
#define ANY_OPERANDS 1000000u

extern const struct command *const commands[];
extern const size_t commands_n;
extern const struct flag common_flags[]; /* --socket --server --json --help */

/* A parsed command line. */
struct flag_value {
        const struct flag *flag;
        char *text; /* canonical; NULL for a switch */
};
struct invocation {
        const struct command *command;
        struct flag_value *values; /* in the order given */
        size_t n_values;
        char *const *operands; /* ends with NULL; points into argv */
        unsigned n_operands;
        char **storage; /* what operands points to */
        bool json;
};

/* The command that argv[1..] names; *ret_used words of it. NULL with the reason: an unknown word
 * (with a suggestion), or a noun without verb. */
const struct command *command_find(char *const *words, unsigned *ret_used, struct err *err);
/* Parses what stands behind the command's name (NULL-terminated). -EINVAL with the reason; where
 * --help was given operands and flags are not checked further. */
MUST_CHECK int invocation_parse(const struct command *c, char *const *words, struct invocation *ret,
                                struct err *err);
void invocation_done(struct invocation *inv);

/* The value of a flag, NULL when it was not given; the name must be in the command's table. */
const char *flag_text(const struct invocation *inv, const char *name);
bool flag_given(const struct invocation *inv, const char *name);
uint64_t flag_u64(const struct invocation *inv, const char *name, uint64_t otherwise);
/* The i-th value of a repeated flag, NULL past the last. */
const char *flag_nth(const struct invocation *inv, const char *name, size_t i);

/* help.c: made from the rows. */
MUST_CHECK int help_command(const struct command *c, struct buf *ret);
MUST_CHECK int help_overview(struct buf *ret);
MUST_CHECK int help_man(const struct command *c, struct buf *ret); /* man(7) source */
MUST_CHECK int help_man_main(struct buf *ret);                     /* paddock(1) */
MUST_CHECK int help_completion(struct buf *ret);                   /* bash */
