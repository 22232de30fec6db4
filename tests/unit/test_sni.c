/* The name that a TLS client greets with. */
#include "base/buf.h"
#include "base/fd.h"
#include "net/sni.h"
#include "test.h"
#include <fcntl.h>

static struct buf hello;

static void load(void)
{
        buf_init(&hello, 65536);
        CHECK_INT(file_read_at(AT_FDCWD, "fuzz/corpus/sni/hello", &hello), ==, 0);
}

TEST(name_is_found)
{
        char name[256];
        load();
        CHECK_INT(sni_read((struct slice){hello.data, hello.len}, name), ==, 1);
        CHECK_STR(name, "api.example.org");
        for (size_t n = 0; n < hello.len; n++)
                CHECK_INT(sni_read((struct slice){hello.data, n}, name), ==, 0);
}

TEST(a_greeting_in_two_records)
{
        char name[256], two[4096];
        load();
        size_t half = 100, rest = hello.len - 5 - half;
        memcpy(two, hello.data, 5 + half);
        two[3] = 0;
        two[4] = (char)half;
        memcpy(two + 5 + half, hello.data, 3);
        two[8 + half] = (char)(rest >> 8);
        two[9 + half] = (char)rest;
        memcpy(two + 10 + half, hello.data + 5 + half, rest);
        CHECK_INT(sni_read((struct slice){two, 10 + half + rest}, name), ==, 1);
        CHECK_STR(name, "api.example.org");
}

TEST(what_is_no_greeting)
{
        char name[256];
        CHECK_INT(sni_read(slice_of("GET / HTTP/1.1\r\n"), name), ==, -EPROTO);
        CHECK_INT(sni_read((struct slice){"\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9}, name), ==,
                  -EPROTO); /* a ServerHello */
        CHECK_INT(sni_read((struct slice){"\x16\x03\x01\xff\xff", 5}, name), ==, -EPROTO);
        load();
        /* The name's length reaches beyond its list. */
        char *at = memmem(hello.data, hello.len, "api.example.org", 15);
        CHECK(at != NULL);
        at[-1] = 100;
        CHECK_INT(sni_read((struct slice){hello.data, hello.len}, name), ==, -EPROTO);
}
