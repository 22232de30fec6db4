#include "test.h"
#include "base/sha256.h"
#include "base/str.h"

static void check(const char *text, size_t n, const char *hex)
{
        unsigned char d[SHA256_LEN];
        char got[2 * SHA256_LEN + 1];
        sha256_of(text, n, d);
        hex_encode(got, d, sizeof d);
        CHECK_STR(got, hex);
}

/* FIPS 180-4 examples, and a million 'a'. */
TEST(sha256_known_answers)
{
        check("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        check("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        check(two, strlen(two), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        char *m = malloc(1000000);
        memset(m, 'a', 1000000);
        check(m, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
        free(m);
}

TEST(sha256_does_not_care_how_it_is_cut)
{
        char text[300];
        for (size_t i = 0; i < sizeof text; i++)
                text[i] = (char)(i * 7);
        for (size_t n = 0; n <= sizeof text; n++) {
                unsigned char whole[SHA256_LEN], parts[SHA256_LEN];
                sha256_of(text, n, whole);
                struct sha256 h;
                sha256_init(&h);
                for (size_t at = 0; at < n; at += 13)
                        sha256_add(&h, text + at, n - at < 13 ? n - at : 13);
                sha256_end(&h, parts);
                CHECK(memcmp(whole, parts, sizeof whole) == 0);
        }
}
