#include "base/id.h"
#include "base/clock.h"
#include <stdio.h>
#include <sys/random.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

void random_bytes(void *p, size_t n)
{
        unsigned char *b = p;
        while (n > 0) {
                ssize_t r = getrandom(b, n, 0);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0) {
                        fprintf(stderr, "getrandom: %s\n", errno_text(errno));
                        abort();
                }
                b += r;
                n -= (size_t)r;
        }
}

struct id id_new(void)
{
        struct id id;
        uint64_t ms = clock_wall_ms();
        uint8_t rnd[16];
        random_bytes(rnd, sizeof rnd);
        for (int i = 9; i >= 0; i--, ms >>= 5)
                id.s[i] = alphabet[ms & 31];
        for (int i = 0; i < 16; i++)
                id.s[10 + i] = alphabet[rnd[i] & 31];
        id.s[ID_TEXT_LEN] = '\0';
        return id;
}

bool id_valid(const char *s)
{
        size_t n = strnlen(s, ID_TEXT_LEN + 1);
        return n == ID_TEXT_LEN && strspn(s, alphabet) == ID_TEXT_LEN;
}
