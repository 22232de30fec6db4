/* CRC-32C (Castagnoli), by the processor's instruction where it has one. */
#include "rag/embed/model.h"

static uint32_t by_table(uint32_t crc, const unsigned char *p, size_t n)
{
        static const uint32_t nibble[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                            0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                            0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                            0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
        while (n--) {
                crc ^= *p++;
                crc = crc >> 4 ^ nibble[crc & 15];
                crc = crc >> 4 ^ nibble[crc & 15];
        }
        return crc;
}

#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_processor(uint32_t crc, const unsigned char *p,
                                                               size_t n)
{
        uint64_t c = crc, v;
        for (; n >= 8; n -= 8, p += 8) {
                memcpy(&v, p, 8);
                c = _mm_crc32_u64(c, v);
        }
        while (n--)
                c = _mm_crc32_u8((uint32_t)c, *p++);
        return (uint32_t)c;
}
#endif

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
#ifdef __x86_64__
        if (__builtin_cpu_supports("sse4.2"))
                return ~by_processor(~crc, p, n);
#endif
        return ~by_table(~crc, p, n);
}
