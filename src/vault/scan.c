#include "vault/scan.h"

enum { OUTSIDE, IN_STRING, IN_ESCAPE, IN_HEX, IN_PLAIN };
/* What may come next. */
enum { VALUE, VALUE_OR_CLOSE, NAME, NAME_OR_CLOSE, COLON, COMMA_OR_CLOSE, NOTHING };

void scan_init(struct scan *s, scan_fn fn, void *ctx)
{
        *s = (struct scan){.fn = fn, .ctx = ctx, .expect = VALUE};
}

const char *scan_name(const struct scan *s, size_t up)
{
        if (up >= s->depth)
                return "";
        const struct scan_level *l = &s->levels[s->depth - 1 - up];
        return l->kind == '{' ? l->name : "";
}

static int tell(struct scan *s, enum scan_kind kind, const char *text)
{
        return s->fn(s->ctx, s, kind, text, s->cut);
}

static void after_value(struct scan *s)
{
        s->expect = s->depth ? COMMA_OR_CLOSE : NOTHING;
}

static void keep(struct scan *s, char c)
{
        if (s->n + 1 < sizeof s->text)
                s->text[s->n++] = c;
        else
                s->cut = true;
}

static int open_container(struct scan *s, char kind)
{
        char text[2] = {kind, 0};
        if (s->expect != VALUE && s->expect != VALUE_OR_CLOSE)
                return -EPROTO;
        if (s->depth == SCAN_DEPTH)
                return -EPROTO;
        int r = tell(s, SCAN_OPEN, text);
        s->levels[s->depth++] = (struct scan_level){.kind = kind};
        s->expect = kind == '{' ? NAME_OR_CLOSE : VALUE_OR_CLOSE;
        return r;
}

static int close_container(struct scan *s, char kind)
{
        char text[2] = {kind, 0};
        unsigned empty = kind == '{' ? NAME_OR_CLOSE : VALUE_OR_CLOSE;
        if (!s->depth || s->levels[s->depth - 1].kind != kind ||
            (s->expect != COMMA_OR_CLOSE && s->expect != empty))
                return -EPROTO;
        s->depth--;
        after_value(s);
        return tell(s, SCAN_CLOSE, text);
}

static int end_string(struct scan *s)
{
        s->text[s->n] = 0;
        s->state = OUTSIDE;
        if (s->expect == NAME || s->expect == NAME_OR_CLOSE) {
                struct scan_level *l = &s->levels[s->depth - 1];
                bool fits = !s->cut && s->n < sizeof l->name && strlen(s->text) == s->n;
                memcpy(l->name, fits ? s->text : "?", fits ? s->n + 1 : 2);
                s->expect = COLON;
                return tell(s, SCAN_NAME, l->name);
        }
        after_value(s);
        return tell(s, SCAN_STRING, s->text);
}

static int end_plain(struct scan *s)
{
        s->text[s->n] = 0;
        s->state = OUTSIDE;
        bool number = s->text[0] == '-' || (s->text[0] >= '0' && s->text[0] <= '9');
        if (!number && strcmp(s->text, "true") != 0 && strcmp(s->text, "false") != 0 &&
            strcmp(s->text, "null") != 0)
                return -EPROTO;
        after_value(s);
        return tell(s, number ? SCAN_NUMBER : SCAN_WORD, s->text);
}

static bool is_plain(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '+' ||
               c == '.' || c == 'E';
}

static int begin_token(struct scan *s, char c)
{
        bool named = s->expect == NAME || s->expect == NAME_OR_CLOSE;
        bool valued = s->expect == VALUE || s->expect == VALUE_OR_CLOSE;
        s->n = 0;
        s->cut = s->escaped = false;
        if (c == '"' && (named || valued)) {
                s->state = IN_STRING;
                return 0;
        }
        if (!valued || !is_plain(c))
                return -EPROTO;
        s->state = IN_PLAIN;
        keep(s, c);
        return 0;
}

static int outside(struct scan *s, char c)
{
        switch (c) {
        case ' ':
        case '\t':
        case '\n':
        case '\r':
                return 0;
        case '{':
        case '[':
                return open_container(s, c);
        case '}':
                return close_container(s, '{');
        case ']':
                return close_container(s, '[');
        case ':':
                if (s->expect != COLON)
                        return -EPROTO;
                s->expect = VALUE;
                return 0;
        case ',':
                if (s->expect != COMMA_OR_CLOSE)
                        return -EPROTO;
                s->expect = s->levels[s->depth - 1].kind == '{' ? NAME : VALUE;
                return 0;
        default:
                return begin_token(s, c);
        }
}

static int escape(struct scan *s, char c)
{
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *at = c ? strchr(from, c) : NULL;
        if (c == 'u') {
                s->state = IN_HEX;
                s->hex_left = 4;
                s->hex = 0;
                return 0;
        }
        if (!at)
                return -EPROTO;
        keep(s, to[at - from]);
        s->state = IN_STRING;
        return 0;
}

/* Beyond ASCII nothing is looked for: '?' stands for it. */
static int hex_digit(struct scan *s, char c)
{
        char l = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
                s->hex = s->hex << 4 | (unsigned)(c - '0');
        else if (l >= 'a' && l <= 'f')
                s->hex = s->hex << 4 | (unsigned)(l - 'a' + 10);
        else
                return -EPROTO;
        if (--s->hex_left == 0) {
                keep(s, s->hex && s->hex < 0x80 ? (char)s->hex : '?');
                s->state = IN_STRING;
        }
        return 0;
}

static int in_string(struct scan *s, char c)
{
        if (c == '"')
                return end_string(s);
        if (c == '\\') {
                s->escaped = true;
                s->state = IN_ESCAPE;
                return 0;
        }
        if ((unsigned char)c < 0x20)
                return -EPROTO;
        keep(s, c);
        return 0;
}

static int step(struct scan *s, char c)
{
        switch (s->state) {
        case IN_STRING:
                return in_string(s, c);
        case IN_ESCAPE:
                return escape(s, c);
        case IN_HEX:
                return hex_digit(s, c);
        case IN_PLAIN:
                if (is_plain(c)) {
                        keep(s, c);
                        return 0;
                }
                s->failed = end_plain(s);
                return s->failed < 0 ? s->failed : outside(s, c);
        default:
                return outside(s, c);
        }
}

int scan_feed(struct scan *s, const char *p, size_t n)
{
        for (size_t i = 0; i < n && s->failed >= 0; i++) {
                int r = step(s, p[i]);
                if (r < 0)
                        s->failed = r;
        }
        return s->failed < 0 ? s->failed : 0;
}
