#include "cli/out.h"
#include "cli/command.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdarg.h>
#include <sys/ioctl.h>
#include <time.h>

bool out_is_terminal(int fd)
{
        return isatty(fd) == 1;
}

int out_width(void)
{
        struct winsize w;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20)
                return w.ws_col;
        return 80;
}

/* Bytes of the C1 control that UTF-8 text begins with: 0xc2 0x80-0x9f; else 0. */
static size_t c1_control(const char *s, size_t n)
{
        return n > 1 && s[0] == '\xc2' && (unsigned char)s[1] < 0xa0 ? 2 : 0;
}

/* Those that turn the direction of what stands around them: U+202A-202E, U+2066-2069. */
static size_t turning(const char *s, size_t n)
{
        if (n < 3 || s[0] != '\xe2')
                return 0;
        unsigned char a = (unsigned char)s[1], b = (unsigned char)s[2];
        return (a == 0x80 && b >= 0xaa && b <= 0xae) || (a == 0x81 && b >= 0xa6 && b <= 0xa9) ? 3
                                                                                              : 0;
}

static void put_clean(FILE *f, const char *s, size_t n, bool one_line)
{
        for (size_t i = 0; i < n;) {
                unsigned char c = (unsigned char)s[i];
                bool control = c == 0x7f || (c < 0x20 && (one_line || (c != '\n' && c != '\t')));
                size_t k = c1_control(s + i, n - i);
                if (!k && one_line)
                        k = turning(s + i, n - i);
                fputc(control || k ? '?' : c, f);
                i += k ? k : 1;
        }
}

void out_text(FILE *f, const char *s, size_t n)
{
        put_clean(f, s, n, false);
}

void out_line(FILE *f, const char *s)
{
        put_clean(f, s, strlen(s), true);
}

/* Columns of UTF-8 text, one a character: good enough for tables. */
static int columns(const char *s, size_t n)
{
        int w = 0;
        for (size_t i = 0; i < n; i++)
                w += ((unsigned char)s[i] & 0xc0) != 0x80;
        return w;
}

void out_wrapped(const char *s, int indent)
{
        int width = out_width(), column = 0;
        while (*s) {
                size_t blanks = strspn(s, " \t\r\n");
                s += blanks;
                size_t n = strcspn(s, " \t\r\n");
                if (n == 0)
                        break;
                int w = columns(s, n);
                if (column > 0 && column + 1 + w > width) {
                        putchar('\n');
                        column = 0;
                }
                if (column == 0)
                        column = printf("%*s", indent, "");
                else
                        column += printf(" ");
                out_text(stdout, s, n);
                column += w;
                s += n;
        }
        if (column)
                putchar('\n');
}

void out_json(const json_t *j)
{
        auto_free char *s = out_is_terminal(STDOUT_FILENO) ? json_pretty(j) : json_text(j);
        if (out_is_terminal(STDOUT_FILENO))
                out_text(stdout, s, strlen(s));
        else
                fputs(s, stdout);
        putchar('\n');
}

struct table {
        const char *const *titles;
        size_t columns, n, cap;
        char **cells;
};

struct table *table_new(const char *const *titles)
{
        struct table *t = xcalloc(1, sizeof *t);
        t->titles = titles;
        while (titles[t->columns])
                t->columns++;
        return t;
}

void table_free(struct table *t)
{
        for (size_t i = 0; t && i < t->n; i++)
                free(t->cells[i]);
        if (t)
                free(t->cells);
        free(t);
}

void table_cell(struct table *t, const char *fmt, ...)
{
        va_list ap;
        char *s = NULL;
        va_start(ap, fmt);
        int n = vasprintf(&s, fmt, ap);
        va_end(ap);
        if (t->n == t->cap) {
                t->cap = t->cap ? t->cap * 2 : 64;
                t->cells = xrealloc(t->cells, t->cap * sizeof *t->cells);
        }
        t->cells[t->n++] = n < 0 ? xstrdup("") : s;
}

static const char *title_text(const char *title)
{
        return title + (*title == '>');
}

static void print_padded(const char *s, bool right, int width, bool last)
{
        int pad = width - columns(s, strlen(s));
        if (pad < 0)
                pad = 0;
        if (right)
                printf("%*s", pad, "");
        out_line(stdout, s);
        if (!right && !last)
                printf("%*s", pad, "");
        if (!last)
                printf("  ");
}

static void print_aligned(const struct table *t)
{
        auto_free int *width = xcalloc(t->columns, sizeof *width);
        for (size_t c = 0; c < t->columns; c++)
                width[c] = (int)strlen(title_text(t->titles[c]));
        for (size_t i = 0; i < t->n; i++) {
                int w = columns(t->cells[i], strlen(t->cells[i]));
                if (w > width[i % t->columns])
                        width[i % t->columns] = w;
        }
        for (size_t c = 0; c < t->columns; c++)
                print_padded(title_text(t->titles[c]), *t->titles[c] == '>', width[c],
                             c + 1 == t->columns);
        putchar('\n');
        for (size_t i = 0; i < t->n; i++) {
                size_t c = i % t->columns;
                bool last = c + 1 == t->columns;
                print_padded(t->cells[i], *t->titles[c] == '>', width[c], last);
                if (last)
                        putchar('\n');
        }
}

void table_print(const struct table *t)
{
        if (out_is_terminal(STDOUT_FILENO)) {
                print_aligned(t);
                return;
        }
        for (size_t i = 0; i < t->n; i++) {
                out_line(stdout, t->cells[i]); /* a cell is one field of one line */
                putchar((i + 1) % t->columns ? '\t' : '\n');
        }
}

const char *get_str(const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        return s ? s : "";
}

uint64_t get_u64(const json_t *o, const char *key)
{
        json_int_t n = json_integer_value(json_object_get(o, key));
        return n > 0 ? (uint64_t)n : 0;
}

const char *local_time(char dst[32], uint64_t wall_ms)
{
        time_t t = (time_t)(wall_ms / 1000);
        struct tm tm;
        if (!wall_ms || !localtime_r(&t, &tm) || !strftime(dst, 32, "%Y-%m-%d %H:%M:%S", &tm))
                snprintf(dst, 32, "-");
        return dst;
}

int exit_code_for(int r)
{
        switch (r) {
        case -EINVAL:
        case -E2BIG:
                return EXIT_BAD_USAGE;
        case -ECONNREFUSED:
                return EXIT_NO_SERVER;
        case -EBUSY:
        case -EAGAIN:
                return EXIT_TRY_LATER;
        case -EACCES:
        case -EPERM:
                return EXIT_NOT_ALLOWED;
        default:
                return r < 0 ? EXIT_FAILED : EXIT_DONE;
        }
}

int fail(int r, const struct err *err)
{
        const char *s = err && err->code ? err->text : errno_text(r);
        fflush(stdout);
        fputs("paddock: ", stderr);
        out_text(stderr, s, strlen(s));
        fputc('\n', stderr);
        return exit_code_for(r);
}
