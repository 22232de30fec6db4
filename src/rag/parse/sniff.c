/* What a file is: by its first bytes, then by its name. */
#include "rag/parse/charset.h"
#include "rag/parse/doc.h"
#include "base/str.h"
#include <ctype.h>
#include <stdio.h>

#define HEAD_LOOK 1024 /* "%PDF-" may stand behind some junk; so may "<html" behind comments */

struct magic {
        const char *bytes;
        size_t n, at;
        const char *type, *what;
};
#define MAGIC(b, at, type, what)                                                                   \
        {                                                                                          \
                b, sizeof(b) - 1, at, type, what                                                   \
        }
static const struct magic unsupported[] = {
        MAGIC("\x89PNG", 0, "png", "an image"),
        MAGIC("\xff\xd8\xff", 0, "jpeg", "an image"),
        MAGIC("GIF8", 0, "gif", "an image"),
        MAGIC("BM", 0, "bmp", "an image"),
        MAGIC("II*\0", 0, "tiff", "an image"),
        MAGIC("MM\0*", 0, "tiff", "an image"),
        MAGIC("WEBP", 8, "webp", "an image"),
        MAGIC("\0\0\1\0", 0, "ico", "an image"),
        MAGIC("\x7f"
              "ELF",
              0, "elf", "a program"),
        MAGIC("MZ", 0, "exe", "a program"),
        MAGIC("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, "ole", "an old Office document"),
        MAGIC("7z\xbc\xaf\x27\x1c", 0, "7z", "an archive"),
        MAGIC("Rar!", 0, "rar", "an archive"),
        MAGIC("\xfd"
              "7zXZ",
              0, "xz", "an archive"),
        MAGIC("BZh", 0, "bzip2", "an archive"),
        MAGIC("\x28\xb5\x2f\xfd", 0, "zstd", "an archive"),
        MAGIC("ustar", 257, "tar", "an archive"),
        MAGIC("!<arch>", 0, "ar", "an archive"),
        MAGIC("ID3", 0, "mp3", "a sound"),
        MAGIC("OggS", 0, "ogg", "a sound"),
        MAGIC("ftyp", 4, "mp4", "a film"),
        MAGIC("RIFF", 0, "riff", "a sound or film"),
        MAGIC("wOFF", 0, "woff", "a font"),
        MAGIC("wOF2", 0, "woff", "a font"),
        MAGIC("\0\1\0\0\0", 0, "ttf", "a font"),
        MAGIC("SQLite format 3", 0, "sqlite", "a database"),
        MAGIC("{\\rtf", 0, "rtf", "an RTF document"),
};
/* Text by its bytes, but nothing a person reads. */
static const struct {
        const char *ending, *type, *what;
} machine_text[] = {
        {".js", "javascript", "a script of a web page"},
        {".mjs", "javascript", "a script of a web page"},
        {".css", "css", "a style sheet"},
        {".map", "json", "a source map"},
        {".svg", "svg", "an image"},
        {".rtf", "rtf", "an RTF document"},
};

static bool at(struct slice s, size_t where, const char *p, size_t n)
{
        return s.len >= where + n && memcmp(s.data + where, p, n) == 0;
}

static bool ends_with(const char *path, const char *ending)
{
        size_t n = strlen(path), k = strlen(ending);
        return n > k && strcasecmp(path + n - k, ending) == 0;
}

static void set_type(struct doc *d, const char *type)
{
        snprintf(d->end.type, sizeof d->end.type, "%s", type);
}

static int refuse(struct doc *d, const char *type, const char *what)
{
        set_type(d, type);
        doc_status(d, PARSE_UNSUPPORTED, "%s (%s): this format is not read", what, type);
        return 0;
}

static int parse_zip(struct doc *d, struct slice b, struct err *err)
{
        if (at(b, 30, "mimetypeapplication/epub+zip", 28)) {
                set_type(d, "epub");
                return epub_parse(d, b, err);
        }
        static const struct {
                const char *ending;
                int (*parse)(struct doc *, struct slice, struct err *);
        } office[] = {{".docx", docx_parse}, {".docm", docx_parse}, {".xlsx", xlsx_parse},
                      {".xlsm", xlsx_parse}, {".pptx", pptx_parse}, {".odt", odf_parse},
                      {".ods", odf_parse},   {".odp", odf_parse}};
        for (size_t i = 0; i < ARRAY_LEN(office); i++)
                if (ends_with(d->path, office[i].ending)) {
                        set_type(d, office[i].ending + 1);
                        return office[i].parse(d, b, err);
                }
        if (ends_with(d->path, ".epub")) {
                set_type(d, "epub");
                return epub_parse(d, b, err);
        }
        return refuse(d, "zip", "an archive");
}

/* The first tag of the text, comments and declarations skipped, is <html> or one that only a page
 * begins with. */
static bool looks_html(struct slice b)
{
        static const char *const tags[] = {"<!doctype html", "<html", "<head>", "<body"};
        size_t n = b.len < HEAD_LOOK ? b.len : HEAD_LOOK;
        size_t i = at(b, 0, "\xef\xbb\xbf", 3) ? 3 : 0;
        for (; i < n; i++) {
                if (isspace((unsigned char)b.data[i]))
                        continue;
                if (b.data[i] != '<')
                        return false;
                for (size_t t = 0; t < ARRAY_LEN(tags); t++) {
                        size_t k = strlen(tags[t]);
                        if (b.len - i >= k && strncasecmp(b.data + i, tags[t], k) == 0)
                                return true;
                }
                if (i + 1 >= n || !strchr("!?", b.data[i + 1]))
                        return false;
                const char *end = at(b, i, "<!--", 4) ? memmem(b.data + i, n - i, "-->", 3)
                                                      : memchr(b.data + i, '>', n - i);
                if (!end)
                        return false;
                i = (size_t)(end - b.data) + (*end == '-' ? 2 : 0);
        }
        return false;
}

static bool named_html(const char *path)
{
        return ends_with(path, ".html") || ends_with(path, ".htm") || ends_with(path, ".xhtml");
}

static int parse_text(struct doc *d, struct slice b, struct err *err)
{
        for (size_t i = 0; i < ARRAY_LEN(machine_text); i++)
                if (ends_with(d->path, machine_text[i].ending))
                        return refuse(d, machine_text[i].type, machine_text[i].what);
        if (at(b, 0, "<?xml", 5) || ends_with(d->path, ".xml"))
                return refuse(d, "xml", "XML");
        bool csv = ends_with(d->path, ".csv"), tsv = ends_with(d->path, ".tsv");
        if (csv || tsv) {
                set_type(d, csv ? "csv" : "tsv");
                return csv_parse(d, b, err);
        }
        bool md = ends_with(d->path, ".md") || ends_with(d->path, ".markdown");
        set_type(d, md ? "markdown" : "text");
        return text_parse(d, b, md ? TEXT_MARKDOWN : TEXT_PLAIN, err);
}

int sniff_parse(struct doc *d, struct slice b, struct err *err)
{
        if (!b.len) {
                doc_status(d, PARSE_NO_TEXT, "the file is empty");
                return 0;
        }
        if (memmem(b.data, b.len < HEAD_LOOK ? b.len : HEAD_LOOK, "%PDF-", 5)) {
                set_type(d, "pdf");
                return pdf_parse(d, b, err);
        }
        if (at(b, 0, "\x1f\x8b", 2))
                return gzip_parse(d, b, err);
        if (at(b, 0, "PK\3\4", 4) || at(b, 0, "PK\5\6", 4))
                return parse_zip(d, b, err);
        bool binary = charset_is_binary(b);
        for (size_t i = 0; i < ARRAY_LEN(unsupported); i++) {
                const struct magic *m = &unsupported[i];
                bool letters = m->at == 0 && m->n < 4 && !binary; /* "BM is a bus" is text */
                if (at(b, m->at, m->bytes, m->n) && !letters)
                        return refuse(d, m->type, m->what);
        }
        if (binary)
                return refuse(d, "binary", "no text and no known format");
        if (looks_html(b) || named_html(d->path)) {
                set_type(d, "html");
                return html_parse(d, b, err);
        }
        return parse_text(d, b, err);
}
