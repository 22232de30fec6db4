/* id.h - identifiers: 48 bits of milliseconds, 80 random bits, as 26 letters of Crockford's base 32
 * (the ULID layout, https://github.com/ulid/spec), lower case. They sort by time of birth and
 * cannot be guessed. */
#pragma once
#include "base/err.h"
#include "base/limits.h"

struct id {
        char s[ID_TEXT_LEN + 1];
};

struct id id_new(void);               /* dies only when the kernel gives no random bytes */
bool id_valid(const char *s);         /* 26 letters of the alphabet, in lower case */
void random_bytes(void *p, size_t n); /* getrandom(2); dies when it fails */
