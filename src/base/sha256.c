#include "base/sha256.h"

static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};

static uint32_t ror(uint32_t v, int n)
{
        return v >> n | v << (32 - n);
}

static void schedule(const unsigned char *p, uint32_t w[64])
{
        for (int i = 0; i < 16; i++, p += 4)
                w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        for (int i = 16; i < 64; i++) {
                uint32_t a = w[i - 15], b = w[i - 2];
                w[i] = w[i - 16] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + w[i - 7] +
                       (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
        }
}

static void mix(struct sha256 *h, const unsigned char *p)
{
        uint32_t w[64], s[8];
        schedule(p, w);
        memcpy(s, h->state, sizeof s);
        for (int i = 0; i < 64; i++) {
                uint32_t e = s[4], a = s[0];
                uint32_t t1 = s[7] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) +
                              ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
                uint32_t t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) +
                              ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
                memmove(s + 1, s, 7 * sizeof *s);
                s[4] += t1;
                s[0] = t1 + t2;
        }
        for (int i = 0; i < 8; i++)
                h->state[i] += s[i];
}

void sha256_init(struct sha256 *h)
{
        static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
        memset(h, 0, sizeof *h);
        memcpy(h->state, start, sizeof start);
}

void sha256_add(struct sha256 *h, const void *p, size_t n)
{
        const unsigned char *s = p;
        size_t have = h->bytes % sizeof h->block;
        h->bytes += n;
        while (n > 0) {
                if (have == 0 && n >= sizeof h->block) {
                        mix(h, s);
                        s += sizeof h->block;
                        n -= sizeof h->block;
                        continue;
                }
                size_t take = sizeof h->block - have < n ? sizeof h->block - have : n;
                memcpy(h->block + have, s, take);
                have += take;
                s += take;
                n -= take;
                if (have == sizeof h->block) {
                        mix(h, h->block);
                        have = 0;
                }
        }
}

void sha256_end(struct sha256 *h, unsigned char digest[SHA256_LEN])
{
        static const unsigned char pad[64] = {0x80};
        uint64_t bits = h->bytes * 8;
        unsigned char length[8];
        for (int i = 0; i < 8; i++)
                length[i] = (unsigned char)(bits >> (56 - 8 * i));
        size_t have = h->bytes % sizeof h->block;
        sha256_add(h, pad, (have < 56 ? 56 : 120) - have);
        sha256_add(h, length, sizeof length);
        for (int i = 0; i < SHA256_LEN; i++)
                digest[i] = (unsigned char)(h->state[i / 4] >> (24 - 8 * (i % 4)));
        explicit_bzero(h, sizeof *h);
}

void sha256_of(const void *p, size_t n, unsigned char digest[SHA256_LEN])
{
        struct sha256 h;
        sha256_init(&h);
        sha256_add(&h, p, n);
        sha256_end(&h, digest);
}
