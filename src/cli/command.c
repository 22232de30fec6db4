#include "cli/command.h"
#include "base/mem.h"
#include "base/str.h"
#include <assert.h>

#define VALUE_MAX        65536 /* bytes of one value */
#define NAME_LIST_STRIDE 32    /* of a word of a command's name */

const struct flag common_flags[] = {
        {.o = {.name = "socket",
               .type = OPTION_STR,
               .doc = "Ask the server behind this Unix socket (also: PADDOCK_SOCKET)."},
         .arg = "PATH"},
        {.o = {.name = "server",
               .type = OPTION_STR,
               .max = 280,
               .doc = "Ask the server at this address (also: PADDOCK_SERVER), with the token in "
                      "PADDOCK_TOKEN_FILE and the certificate authorities in PADDOCK_CA."},
         .arg = "https://HOST[:PORT]"},
        {.o = {.name = "json",
               .doc = "Print the result as JSON, with the fields of the HTTP API."}},
        {.o = {.name = "help", .doc = "Say what the command does and which flags it takes."},
         .letter = 'h'},
        FLAGS_END,
};

/* --- which command --- */

static size_t first_word(const char *s)
{
        return strcspn(s, " ");
}

static bool is_noun(const char *word)
{
        for (size_t i = 0; i < commands_n; i++) {
                size_t n = first_word(commands[i]->name);
                if (commands[i]->name[n] && strlen(word) == n &&
                    strncmp(commands[i]->name, word, n) == 0)
                        return true;
        }
        return false;
}

static const struct command *find_name(const char *name)
{
        for (size_t i = 0; i < commands_n; i++)
                if (str_eq(commands[i]->name, name))
                        return commands[i];
        return NULL;
}

/* The names that could have been meant, as a list for option_suggest: of one noun its verbs, else
 * the first words. */
static const struct command *no_such(const char *noun, const char *word, struct err *err)
{
        auto_free const char **names = xcalloc(commands_n, sizeof *names);
        auto_free char *heap = xcalloc(commands_n, NAME_LIST_STRIDE);
        size_t n = 0, skip = noun ? strlen(noun) + 1 : 0;
        for (size_t i = 0; i < commands_n; i++) {
                const char *name = commands[i]->name;
                if (noun && (!str_starts(name, noun) || name[skip - 1] != ' '))
                        continue;
                char *copy = heap + i * NAME_LIST_STRIDE;
                snprintf(copy, NAME_LIST_STRIDE, "%.*s", (int)first_word(name + skip), name + skip);
                names[n++] = copy;
        }
        const char *near = option_suggest(word, names, n, sizeof *names);
        err_set(err, -EINVAL, "'%s%s%.64s' is not a command%s%s%s%s%s; see 'paddock help'",
                noun ? noun : "", noun ? " " : "", word, near ? ", did you mean '" : "",
                near && noun ? noun : "", near && noun ? " " : "", near ? near : "",
                near ? "'?" : "");
        return NULL;
}

static const struct command *no_verb(const char *noun, struct err *err)
{
        CLEANUP(buf_done) struct buf verbs = {0};
        buf_init(&verbs, 400);
        size_t n = strlen(noun);
        int r = 0;
        for (size_t i = 0; i < commands_n && r >= 0; i++)
                if (str_starts(commands[i]->name, noun) && commands[i]->name[n] == ' ')
                        r = buf_addf(&verbs, "%s%s", verbs.len ? ", " : "",
                                     commands[i]->name + n + 1);
        err_set(err, -EINVAL, "'paddock %s' needs one of: %s", noun, buf_text(&verbs));
        return NULL;
}

const struct command *command_find(char *const *words, unsigned *ret_used, struct err *err)
{
        char name[64];
        const char *word = words[0];
        if (!is_noun(word)) {
                const struct command *c = find_name(word);
                *ret_used = 1;
                return c ? c : no_such(NULL, word, err);
        }
        if (!words[1] || words[1][0] == '-') {
                const struct command *alone = find_name(word); /* "audit", beside "audit verify" */
                *ret_used = 1;
                return alone ? alone : no_verb(word, err);
        }
        snprintf(name, sizeof name, "%s %.40s", word, words[1]);
        const struct command *c = find_name(name);
        *ret_used = 2;
        return c ? c : no_such(word, words[1], err);
}

/* --- its flags --- */

static const struct flag *find_in(const struct flag *rows, const char *name, size_t n, char letter)
{
        for (; rows && rows->o.name; rows++) {
                if (letter ? rows->letter == letter
                           : strlen(rows->o.name) == n && strncmp(rows->o.name, name, n) == 0)
                        return rows;
        }
        return NULL;
}

static const struct flag *find_flag(const struct command *c, const char *name, size_t n,
                                    char letter)
{
        const struct flag *f = find_in(c->flags, name, n, letter);
        return f ? f : find_in(common_flags, name, n, letter);
}

static int unknown_flag(const struct command *c, const char *word, struct err *err)
{
        const char *names[64];
        size_t n = 0;
        const struct flag *const tables[] = {c->flags, common_flags};
        for (size_t t = 0; t < ARRAY_LEN(tables); t++)
                for (const struct flag *f = tables[t]; f && f->o.name && n < ARRAY_LEN(names); f++)
                        names[n++] = f->o.name;
        auto_free char *bare =
                xstrndup(word + strspn(word, "-"), strcspn(word + strspn(word, "-"), "="));
        const char *near = strlen(bare) > 1 ? option_suggest(bare, names, n, sizeof *names) : NULL;
        return err_set(err, -EINVAL, "unknown flag '%.64s'%s%s%s; see 'paddock %s --help'", word,
                       near ? ", did you mean --" : "", near ? near : "", near ? "?" : "", c->name);
}

static int add_value(struct invocation *inv, const struct flag *f, const char *text,
                     struct err *err)
{
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, VALUE_MAX);
        for (size_t i = 0; !f->repeated && i < inv->n_values; i++)
                if (inv->values[i].flag == f)
                        return err_set(err, -EINVAL, "--%s: given twice", f->o.name);
        int r = text ? option_parse(&f->o, text, &b, err) : 0;
        if (r == -E2BIG)
                return err_set(err, -EINVAL, "--%s: longer than %d bytes", f->o.name, VALUE_MAX);
        if (r < 0)
                return err_wrap(err, r, "--%s", f->o.name);
        inv->values = xrealloc(inv->values, (inv->n_values + 1) * sizeof *inv->values);
        inv->values[inv->n_values++] = (struct flag_value){f, text ? buf_take(&b) : NULL};
        return 0;
}

/* "--name", "--name=value", "-x", "-xVALUE"; *ret_took_next when the value was the next word. */
static int parse_flag(struct invocation *inv, const char *word, const char *next,
                      bool *ret_took_next, struct err *err)
{
        bool is_long = word[1] == '-';
        const char *name = word + 2;
        size_t n = is_long ? strcspn(name, "=") : 0;
        const struct flag *f = find_flag(inv->command, name, n, is_long ? 0 : word[1]);
        const char *value = is_long ? (name[n] ? name + n + 1 : NULL) : (word[2] ? word + 2 : NULL);
        *ret_took_next = false;
        if (!f)
                return unknown_flag(inv->command, word, err);
        if (!f->arg && value)
                return err_set(err, -EINVAL, "--%s: takes no value", f->o.name);
        if (f->arg && !value) {
                value = next;
                *ret_took_next = true;
        }
        if (f->arg && !value)
                return err_set(err, -EINVAL, "--%s: needs a value, %s", f->o.name, f->arg);
        return add_value(inv, f, f->arg ? value : NULL, err);
}

static int check_operands(const struct invocation *inv, struct err *err)
{
        const struct command *c = inv->command;
        if (inv->n_operands >= c->min_operands && inv->n_operands <= c->max_operands)
                return 0;
        if (inv->n_operands > c->max_operands)
                return err_set(err, -EINVAL, "unexpected '%.64s'; usage: paddock %s %s",
                               inv->operands[c->max_operands], c->name, c->operands);
        return err_set(err, -EINVAL, "usage: paddock %s %s", c->name, c->operands);
}

int invocation_parse(const struct command *c, char *const *words, struct invocation *ret,
                     struct err *err)
{
        unsigned n = 0;
        while (words[n])
                n++;
        *ret = (struct invocation){.command = c, .storage = xcalloc(n + 1, sizeof *ret->storage)};
        ret->operands = ret->storage;
        bool flags_end = false;
        for (unsigned i = 0; i < n; i++) {
                const char *w = words[i];
                bool took_next;
                if (flags_end || w[0] != '-' || !w[1]) {
                        ret->storage[ret->n_operands++] = words[i];
                        flags_end = flags_end || c->flags_first;
                        continue;
                }
                if (str_eq(w, "--")) {
                        flags_end = true;
                        continue;
                }
                int r = parse_flag(ret, w, words[i + 1], &took_next, err);
                if (r < 0)
                        return r;
                i += took_next;
        }
        ret->json = flag_given(ret, "json");
        return flag_given(ret, "help") ? 0 : check_operands(ret, err);
}

void invocation_done(struct invocation *inv)
{
        for (size_t i = 0; i < inv->n_values; i++)
                free(inv->values[i].text);
        free(inv->values);
        free(inv->storage);
        *inv = (struct invocation){0};
}

const char *flag_nth(const struct invocation *inv, const char *name, size_t i)
{
        assert(find_flag(inv->command, name, strlen(name), 0)); /* names are ours */
        for (size_t k = 0; k < inv->n_values; k++)
                if (str_eq(inv->values[k].flag->o.name, name) && i-- == 0)
                        return inv->values[k].text ? inv->values[k].text : "true";
        return NULL;
}

const char *flag_text(const struct invocation *inv, const char *name)
{
        return flag_nth(inv, name, 0);
}

bool flag_given(const struct invocation *inv, const char *name)
{
        return flag_nth(inv, name, 0) != NULL;
}

uint64_t flag_u64(const struct invocation *inv, const char *name, uint64_t otherwise)
{
        uint64_t n = otherwise;
        const char *s = flag_text(inv, name);
        return s && str_to_u64(s, &n) == 0 ? n : otherwise;
}
