#include "rag/embed/kernel.h"
#include "base/str.h"

#ifdef __x86_64__
static const struct kernel *const by_rank[] = {&kernel_vnni_bf16, &kernel_vnni, &kernel_avx2,
                                               &kernel_scalar};

static bool runs(const struct kernel *k)
{
        /* F16C is not asked for: every processor with AVX2 has it. */
        __builtin_cpu_init();
        bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        bool vnni = avx2 && __builtin_cpu_supports("avx512f") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
        if (k == &kernel_vnni_bf16)
                return vnni && __builtin_cpu_supports("avx512bf16");
        if (k == &kernel_vnni)
                return vnni;
        return k == &kernel_avx2 ? avx2 : true;
}
#else
static const struct kernel *const by_rank[] = {&kernel_scalar};
static bool runs(const struct kernel *k UNUSED)
{
        return true;
}
#endif

const struct kernel *kernel_best(void)
{
        size_t i = 0;
        while (!runs(by_rank[i]))
                i++;
        return by_rank[i];
}

const struct kernel *kernel_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_LEN(by_rank); i++)
                if (str_eq(by_rank[i]->name, name) && runs(by_rank[i]))
                        return by_rank[i];
        return NULL;
}
