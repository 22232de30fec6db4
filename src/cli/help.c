/* What a person reads about the commands, from the rows that parse them. */
#include "cli/command.h"
#include "conf/config.h"
#include "base/str.h"

static const struct {
        int code;
        const char *doc;
} exit_codes[] = {
        {EXIT_DONE, "Done."},
        {EXIT_FAILED, "Failed; the reason is on standard error."},
        {EXIT_BAD_USAGE, "Bad usage or bad input."},
        {EXIT_NO_SERVER, "No server answers."},
        {EXIT_TRY_LATER, "The server is busy or not ready; try later."},
        {EXIT_NOT_ALLOWED, "Not allowed."},
        {EXIT_TIME_LIMIT, "run: the sandbox reached its time limit."},
        {EXIT_LOST, "run: the sandbox was lost; the command is not to blame."},
        {EXIT_MEMORY, "run: the sandbox reached its memory limit."},
};

/* "-m, --memory SIZE" */
static void flag_title(const struct flag *f, char *dst, size_t size)
{
        char letter[8] = "    ";
        if (f->letter)
                snprintf(letter, sizeof letter, "-%c, ", f->letter);
        snprintf(dst, size, "%s--%s%s%s", letter, f->o.name, f->arg ? " " : "",
                 f->arg ? f->arg : "");
}

/* Text wrapped at 80 columns behind an indentation. */
static int wrapped(struct buf *ret, const char *text, int indent, int first_column)
{
        int column = first_column, r = 0;
        while (*text && r >= 0) {
                size_t n = strcspn(text, " \n");
                if (column > indent && column + 1 + (int)n > 80) {
                        r = buf_addf(ret, "\n%*s", indent, "");
                        column = indent;
                } else if (column > indent) {
                        r = buf_adds(ret, " ");
                        column++;
                }
                r = r < 0 ? r : buf_add(ret, text, n);
                column += (int)n;
                text += n;
                if (str_starts(text, "\n\n") && r >= 0) {
                        r = buf_addf(ret, "\n\n%*s", indent, "");
                        column = indent;
                }
                text += strspn(text, " \n");
        }
        return r < 0 ? r : buf_adds(ret, "\n");
}

static int flag_rows(struct buf *ret, const struct flag *f)
{
        int r = 0;
        char title[64];
        for (; f && f->o.name && r >= 0; f++) {
                flag_title(f, title, sizeof title);
                r = buf_addf(ret, "  %-26s", title);
                if (r >= 0 && strlen(title) > 25)
                        r = buf_addf(ret, "\n%28s", "");
                r = r < 0 ? r : wrapped(ret, f->o.doc, 28, 28);
        }
        return r;
}

int help_command(const struct command *c, struct buf *ret)
{
        int r = buf_addf(ret, "Usage: paddock %s %s%s\n\n", c->name, "[FLAGS] ", c->operands);
        r = r < 0 ? r : wrapped(ret, c->summary, 0, 0);
        if (c->details && r >= 0)
                r = buf_adds(ret, "\n");
        if (c->details && r >= 0)
                r = wrapped(ret, c->details, 0, 0);
        r = r < 0 ? r : buf_adds(ret, "\nFlags:\n");
        r = r < 0 ? r : flag_rows(ret, c->flags);
        return r < 0 ? r : flag_rows(ret, common_flags);
}

static int exit_rows(struct buf *ret, const char *format)
{
        int r = 0;
        for (size_t i = 0; i < ARRAY_LEN(exit_codes) && r >= 0; i++) {
                char code[12];
                snprintf(code, sizeof code, "%d", exit_codes[i].code);
                r = buf_adds(ret, format);
                r = r < 0 ? r : buf_addf(ret, "%-5s", code);
                r = r < 0 ? r
                          : buf_addf(ret, "%s%s\n", *format == '.' ? "\n" : "", exit_codes[i].doc);
        }
        return r;
}

int help_overview(struct buf *ret)
{
        int r = buf_adds(ret, "Usage: paddock COMMAND [FLAGS] ...\n\nCommands:\n");
        for (size_t i = 0; i < commands_n && r >= 0; i++) {
                if (commands[i]->hidden)
                        continue;
                r = buf_addf(ret, "  %-18s", commands[i]->name);
                r = r < 0 ? r : wrapped(ret, commands[i]->summary, 20, 20);
        }
        r = r < 0 ? r : buf_adds(ret, "\nFlags of every command:\n");
        r = r < 0 ? r : flag_rows(ret, common_flags);
        r = r < 0 ? r : buf_adds(ret, "\nExit codes:\n");
        r = r < 0 ? r : exit_rows(ret, "  ");
        return r < 0 ? r
                     : buf_adds(ret, "\n'paddock COMMAND --help' says more about one command.\n");
}

/* --- manual pages --- */

/* Text for man(7): a backslash, a leading dot or quote and dashes of flags are escaped. */
static int man_text(struct buf *ret, const char *s)
{
        int r = 0;
        bool line_start = true;
        for (; *s && r >= 0; s++) {
                if (str_starts(s, "\n\n")) {
                        r = buf_adds(ret, "\n.PP\n");
                        s += strspn(s, "\n") - 1;
                        line_start = true;
                        continue;
                }
                if (line_start && (*s == '.' || *s == '\''))
                        r = buf_adds(ret, "\\&");
                line_start = *s == '\n';
                if (r >= 0)
                        r = *s == '\\'  ? buf_adds(ret, "\\e")
                            : *s == '-' ? buf_adds(ret, "\\-")
                                        : buf_add(ret, s, 1);
        }
        return r < 0 ? r : buf_adds(ret, "\n");
}

static int man_flags(struct buf *ret, const struct flag *f)
{
        int r = 0;
        for (; f && f->o.name && r >= 0; f++) {
                char title[64];
                flag_title(f, title, sizeof title);
                r = buf_adds(ret, ".TP\n.B ");
                r = r < 0 ? r : man_text(ret, title + strspn(title, " "));
                r = r < 0 ? r : man_text(ret, f->o.doc);
        }
        return r;
}

static int man_head(struct buf *ret, const char *dashed, const char *summary)
{
        size_t n = strlen(summary);
        int r = buf_addf(ret, ".TH %s 1 \"\" \"Paddock %s\"\n.SH NAME\n%s \\- ", dashed,
                         PADDOCK_VERSION, dashed);
        auto_free char *line = strndup(summary, n && summary[n - 1] == '.' ? n - 1 : n);
        if (!line)
                return -ENOMEM;
        if (line[0] >= 'A' && line[0] <= 'Z')
                line[0] = (char)(line[0] | 0x20);
        return r < 0 ? r : man_text(ret, line);
}

int help_man(const struct command *c, struct buf *ret)
{
        char dashed[64];
        snprintf(dashed, sizeof dashed, "paddock-%s", c->name);
        for (char *s = dashed; *s; s++)
                if (*s == ' ')
                        *s = '-';
        int r = man_head(ret, dashed, c->summary);
        r = r < 0 ? r : buf_addf(ret, ".SH SYNOPSIS\n.B paddock %s\n", c->name);
        r = r < 0 ? r : man_text(ret, "[FLAGS]");
        if (r >= 0 && *c->operands)
                r = man_text(ret, c->operands);
        if (r >= 0)
                r = buf_adds(ret, ".SH DESCRIPTION\n");
        r = r < 0 ? r : man_text(ret, c->summary);
        if (c->details && r >= 0)
                r = buf_adds(ret, ".PP\n");
        if (c->details && r >= 0)
                r = man_text(ret, c->details);
        r = r < 0 ? r : buf_adds(ret, ".SH OPTIONS\n");
        r = r < 0 ? r : man_flags(ret, c->flags);
        r = r < 0 ? r : man_flags(ret, common_flags);
        return r < 0 ? r : buf_adds(ret, ".SH SEE ALSO\n.BR paddock (1)\n");
}

int help_man_main(struct buf *ret)
{
        int r = man_head(ret, "paddock", "self-hosted platform for private agents");
        r = r < 0 ? r
                  : buf_adds(ret, ".SH SYNOPSIS\n.B paddock\nCOMMAND [FLAGS] ...\n.SH COMMANDS\n");
        for (size_t i = 0; i < commands_n && r >= 0; i++) {
                r = buf_addf(ret, ".TP\n.B %s\n", commands[i]->name);
                r = r < 0 ? r : man_text(ret, commands[i]->summary);
        }
        r = r < 0 ? r : buf_adds(ret, ".SH OPTIONS\n");
        r = r < 0 ? r : man_flags(ret, common_flags);
        r = r < 0 ? r : buf_adds(ret, ".SH CONFIGURATION\n");
        r = r < 0 ? r : config_manual(ret);
        r = r < 0 ? r : buf_adds(ret, ".SH EXIT STATUS\n");
        return r < 0 ? r : exit_rows(ret, ".TP\n");
}

/* --- completion --- */

static int completion_flags(struct buf *ret, const struct flag *f)
{
        int r = 0;
        for (; f && f->o.name && r >= 0; f++)
                r = buf_addf(ret, " --%s", f->o.name);
        return r;
}

static size_t noun_len(const char *name)
{
        return strcspn(name, " ");
}

/* True when the command is the first in the table with its first word. */
static bool first_of_noun(size_t i)
{
        const char *name = commands[i]->name;
        size_t n = noun_len(name);
        return i == 0 || noun_len(commands[i - 1]->name) != n ||
               strncmp(commands[i - 1]->name, name, n) != 0;
}

/* "volume' words='create list ...' ;;" for every noun with verbs. */
static int completion_verbs(struct buf *ret)
{
        int r = 0;
        for (size_t i = 0; i < commands_n && r >= 0; i++) {
                const char *name = commands[i]->name;
                size_t n = noun_len(name);
                if (!name[n])
                        continue;
                bool alone = i && !commands[i - 1]->name[noun_len(commands[i - 1]->name)];
                if (first_of_noun(i) || alone) /* "audit" stands before "audit verify" */
                        r = buf_addf(ret, "%.*s) words='", (int)n, name);
                r = r < 0 ? r : buf_addf(ret, "%s ", name + n + 1);
                if (r >= 0 && (i + 1 == commands_n || first_of_noun(i + 1)))
                        r = buf_adds(ret, "' ;;\n      ");
        }
        return r;
}

int help_completion(struct buf *ret)
{
        int r = buf_adds(ret, "# bash completion of paddock; made by 'paddock help --completion'\n"
                              "_paddock() {\n"
                              "  local word=${COMP_WORDS[COMP_CWORD]} words=\n"
                              "  local a=${COMP_WORDS[1]} b=${COMP_WORDS[2]}\n"
                              "  case $COMP_CWORD in\n"
                              "  1) words='");
        for (size_t i = 0; i < commands_n && r >= 0; i++)
                if (first_of_noun(i))
                        r = buf_addf(ret, "%.*s ", (int)noun_len(commands[i]->name),
                                     commands[i]->name);
        r = r < 0 ? r : buf_adds(ret, "' ;;\n  2) case $a in\n      ");
        r = r < 0 ? r : completion_verbs(ret);
        r = r < 0 ? r
                  : buf_adds(ret, "esac ;;\n  esac\n"
                                  "  [ -n \"$words\" ] || case \"$a $b\" in\n");
        for (size_t i = 0; i < commands_n && r >= 0; i++) {
                const char *name = commands[i]->name;
                r = buf_addf(ret, "    '%s%s'*) words='", name, name[noun_len(name)] ? "" : " ");
                r = r < 0 ? r : completion_flags(ret, commands[i]->flags);
                r = r < 0 ? r : completion_flags(ret, common_flags);
                r = r < 0 ? r : buf_adds(ret, "' ;;\n");
        }
        return r < 0 ? r
                     : buf_adds(ret,
                                "  esac\n"
                                "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                                "  [ \"${#COMPREPLY[@]}\" -gt 0 ] ||\n"
                                "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                                "}\n"
                                "complete -F _paddock paddock\n");
}
