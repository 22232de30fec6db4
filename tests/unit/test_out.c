/* What is printed of documents and sandboxes cannot drive the terminal. */
#include "test.h"
#include "base/mem.h"
#include "cli/out.h"

static void expect(const char *s, const char *text, const char *line)
{
        char *got = NULL;
        size_t n;
        for (int i = 0; i < 2; i++) {
                FILE *f = open_memstream(&got, &n);
                if (i == 0)
                        out_text(f, s, strlen(s));
                else
                        out_line(f, s);
                CHECK_INT(fclose(f), ==, 0);
                CHECK_STR(got, i == 0 ? text : line);
                free(got);
        }
}

TEST(controls_are_not_printed)
{
        expect("plain \xc3\xbc\xe2\x82\xac", "plain \xc3\xbc\xe2\x82\xac",
               "plain \xc3\xbc\xe2\x82\xac");
        expect("\x1b[2J\x7f\b\r", "?[2J???", "?[2J???");
        expect("\xc2\x9b"
               "2J\xc2\xa0",
               "?2J\xc2\xa0", "?2J\xc2\xa0");
        expect("a\nb\tc", "a\nb\tc", "a?b?c");
        expect("\xc2", "\xc2", "\xc2"); /* cut inside a character */
}

TEST(a_name_cannot_be_shown_as_another)
{
        expect("a\xe2\x80\xaetxt.exe\xe2\x81\xa6z\xe2\x80\x94",
               "a\xe2\x80\xaetxt.exe\xe2\x81\xa6z\xe2\x80\x94", "a?txt.exe?z\xe2\x80\x94");
}
