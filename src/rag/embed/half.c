/* Numbers of two bytes. Apart from safetensors.c, which reads JSON: the encoder needs them and reads
 * none. */
#include "rag/embed/safetensors.h"
#include <math.h>
#include <string.h>

float half_to_float(uint16_t h)
{
        uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = h >> 10 & 31, man = h & 0x3ff, u;
        float f;
        if (exp == 0) {
                f = (float)man * 0x1p-24f;
                return sign ? -f : f;
        }
        u = sign | (exp == 31 ? 0x7f800000u : (exp + 112) << 23) | man << 13;
        memcpy(&f, &u, sizeof f);
        return f;
}

uint16_t half_from_float(float f)
{
        uint32_t u;
        memcpy(&u, &f, sizeof u);
        uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
        float a = fabsf(f);
        if (!(a < 65520.0f))
                return (uint16_t)(sign | 0x7c00);
        if (a < 0x1p-14f) /* subnormal: in units of 2^-24, rounded by the addition */
                return (uint16_t)(sign | (uint16_t)lrintf(a * 0x1p24f));
        u &= 0x7fffffff;
        u += 0xfff + (u >> 13 & 1);
        return (uint16_t)(sign | ((u >> 13) - (112u << 10)));
}

uint16_t bf16_from_float(float f)
{
        uint32_t u;
        memcpy(&u, &f, sizeof u);
        return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
