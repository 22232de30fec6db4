/* seccomp_table.h - what tools/seccomp-compile generates; use os/seccomp.h. */
#pragma once
#include "os/seccomp.h"

extern const struct seccomp_filter seccomp_table[];
extern const size_t seccomp_table_n;

/* The policies as an ordered list, for the test that holds the programs against it. The first rule
 * whose policy, number and conditions fit decides; number -1 is the policy's default. */
struct seccomp_rule {
        const char *policy;
        int nr;
        uint32_t action; /* SECCOMP_RET_* */
        struct {
                uint32_t arg;
                uint32_t mask; /* not 0: any of these bits set; else equal to one of values */
                uint32_t n_values;
                uint32_t values[12];
        } conds[2];
        uint32_t n_conds;
};
extern const struct seccomp_rule seccomp_rules[];
extern const size_t seccomp_rules_n;
