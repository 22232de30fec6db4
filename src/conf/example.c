/* What a person reads about the options, from the same table that checks them. */
#include "conf/config.h"
#include "base/str.h"

#define WIDTH 96

/* The sentence as comment lines of at most WIDTH columns. */
static int comment(const char *text, struct buf *ret)
{
        int r = 0;
        while (*text && r >= 0) {
                size_t n = strlen(text);
                if (n > WIDTH - 2)
                        for (n = WIDTH - 2; n > 0 && text[n] != ' '; n--)
                                ;
                r = buf_addf(ret, "# %.*s\n", (int)n, text);
                text += n;
                text += *text == ' ';
        }
        return r;
}

static bool needs_quotes(const char *s)
{
        return !*s || strpbrk(s, ":#{}[]&*!|>'\"%@`, ") != NULL;
}

/* A list as a person reads it: a blank behind each comma. */
static int spaced(const char *text, struct buf *ret)
{
        int r = 0;
        for (; r == 0 && *text; text++)
                r = *text == ',' ? buf_adds(ret, ", ") : buf_add(ret, text, 1);
        return r;
}

/* How the default would be written in the file. */
static int default_yaml(const struct option *o, struct buf *ret)
{
        if (!*o->def && o->example)
                return buf_addf(ret,
                                o->type == OPTION_LIST || !needs_quotes(o->example) ? "%s" : "'%s'",
                                o->example);
        if (o->type == OPTION_LIST) {
                int r = buf_adds(ret, "[");
                r = r < 0 ? r : spaced(o->def, ret);
                return r < 0 ? r : buf_adds(ret, "]");
        }
        return buf_addf(ret, needs_quotes(o->def) ? "'%s'" : "%s", o->def);
}

static int facts(const struct option *o, struct buf *ret)
{
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, 1024);
        int r = option_expected(o, &b);
        if (r >= 0 && o->zero && !o->min)
                r = buf_addf(&b, " (0: %s)", o->zero);
        if (r >= 0)
                r = buf_addf(&b, "%s%s.", *o->def ? "" : "; not set, this is an example",
                             o->reloadable ? "; a reload applies it" : "");
        return r < 0 ? r : comment(buf_text(&b), ret);
}

/* "serve" of "serve.socket" */
static size_t section_len(const char *name)
{
        return strcspn(name, ".");
}

int config_example(struct buf *ret)
{
        static const char head[] = "# Paddock's configuration: every option with its default. A "
                                   "change needs a restart\n"
                                   "# of `paddock serve` where the option does not say that a "
                                   "reload applies it. Check\n"
                                   "# with `paddock config check FILE`; this file is made by "
                                   "`paddock config example`.\n";
        int r = buf_adds(ret, head);
        const char *section = "";
        for (size_t i = 0; i < config_options_n && r >= 0; i++) {
                const struct option *o = &config_options[i];
                size_t n = section_len(o->name);
                if (strncmp(section, o->name, n + 1) != 0)
                        r = buf_addf(ret, "\n# ---- %.*s ----\n", (int)n, o->name);
                section = o->name;
                r = r < 0 ? r : buf_adds(ret, "\n");
                r = r < 0 ? r : comment(o->doc, ret);
                r = r < 0 ? r : facts(o, ret);
                r = r < 0 ? r : buf_addf(ret, "# %s: ", o->name);
                r = r < 0 ? r : default_yaml(o, ret);
                r = r < 0 ? r : buf_adds(ret, "\n");
        }
        return r;
}

int config_manual(struct buf *ret)
{
        int r = 0;
        for (size_t i = 0; i < config_options_n && r >= 0; i++) {
                const struct option *o = &config_options[i];
                r = buf_addf(ret, ".TP\n\\fB%s\\fR (%s)\n%s\n", o->name, option_type_text(o->type),
                             o->doc);
                bool special = o->zero && str_eq(o->def, "0");
                if (r >= 0 && *o->def)
                        r = buf_adds(ret, "Default: ");
                if (r >= 0 && *o->def)
                        r = spaced(o->def, ret);
                if (r >= 0 && *o->def)
                        r = buf_addf(ret, "%s%s%s.\n", special ? " (" : "", special ? o->zero : "",
                                     special ? ")" : "");
                if (r >= 0 && o->reloadable)
                        r = buf_adds(ret, "Changes are applied by a reload.\n");
        }
        return r;
}
