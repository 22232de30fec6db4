/* sha256.h - SHA-256 (FIPS 180-4), for hashes of tokens and of contents.
 *
 *     struct sha256 h;
 *     sha256_init(&h);
 *     sha256_add(&h, p, n);              as often as needed
 *     sha256_end(&h, digest);            32 bytes; h is wiped
 */
#pragma once
#include "base/cleanup.h"

#define SHA256_LEN 32

struct sha256 {
        uint32_t state[8];
        uint64_t bytes;
        unsigned char block[64];
};

void sha256_init(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *p, size_t n);
void sha256_end(struct sha256 *h, unsigned char digest[SHA256_LEN]);
/* All three in one. */
void sha256_of(const void *p, size_t n, unsigned char digest[SHA256_LEN]);
