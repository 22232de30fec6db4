/* The compiled filters of both architectures: the BPF, interpreted, against the policies as an ordered
 * list, for every system call number and the argument values at which a decision can change. */
#include "seccomp_bpf.h"

/* The programs and rules of the other architecture, which the same build has made. */
#pragma push_macro("__x86_64__")
#pragma push_macro("__aarch64__")
#if defined(__x86_64__)
#define FOREIGN AUDIT_ARCH_AARCH64
#undef __x86_64__
#define __aarch64__ 1
#else
#define FOREIGN AUDIT_ARCH_X86_64
#undef __aarch64__
#define __x86_64__ 1
#endif
#define seccomp_table   foreign_table
#define seccomp_table_n foreign_table_n
#define seccomp_rules   foreign_rules
#define seccomp_rules_n foreign_rules_n
extern const struct seccomp_filter foreign_table[];
extern const struct seccomp_rule foreign_rules[];
extern const size_t foreign_table_n, foreign_rules_n;
#include "seccomp_table.c"
#undef seccomp_table
#undef seccomp_table_n
#undef seccomp_rules
#undef seccomp_rules_n
#pragma pop_macro("__aarch64__")
#pragma pop_macro("__x86_64__")

struct arch {
        const char *name;
        uint32_t audit;
        const struct seccomp_filter *table;
        const struct seccomp_rule *rules;
        size_t table_n, rules_n;
};

static const struct arch *archs(void)
{
        static struct arch a[2];
        a[0] = (struct arch){"native",      NATIVE,          seccomp_table,
                             seccomp_rules, seccomp_table_n, seccomp_rules_n};
        a[1] = (struct arch){"foreign",     FOREIGN,         foreign_table,
                             foreign_rules, foreign_table_n, foreign_rules_n};
        return a;
}

static bool holds(const struct seccomp_rule *r, const struct seccomp_data *d)
{
        for (uint32_t i = 0; i < r->n_conds; i++) {
                uint32_t v = (uint32_t)d->args[r->conds[i].arg];
                bool hit = false;
                for (uint32_t j = 0; j < r->conds[i].n_values; j++)
                        hit = hit || v == r->conds[i].values[j];
                if (r->conds[i].mask ? !(v & r->conds[i].mask) : !hit)
                        return false;
        }
        return true;
}

static uint32_t expected(const struct arch *m, const char *policy, const struct seccomp_data *d)
{
        for (size_t i = 0; i < m->rules_n; i++) {
                const struct seccomp_rule *r = &m->rules[i];
                if (strcmp(r->policy, policy) == 0 && (r->nr == -1 || r->nr == d->nr) &&
                    holds(r, d))
                        return r->action;
        }
        test_failed(__FILE__, __LINE__, "%s has no default", policy);
}

static unsigned long compared;
static void compare(const struct arch *m, const struct seccomp_filter *f,
                    const struct seccomp_data *d)
{
        uint32_t is = interpret(f, d), should = expected(m, f->name, d);
        compared++;
        if (is != should)
                test_failed(__FILE__, __LINE__, "%s %s: call %d (%llx %llx %llx): %#x, policy %#x",
                            m->name, f->name, d->nr, d->args[0], d->args[1], d->args[2], is,
                            should);
}

/* Every value named by a rule of this call, its neighbours, each single bit, and all of that with
 * the high half set, which the kernel ignores for these arguments. */
static void compare_args(const struct arch *m, const struct seccomp_filter *f,
                         struct seccomp_data *d, const struct seccomp_rule *r)
{
        for (uint32_t c = 0; c < r->n_conds; c++) {
                uint32_t arg = r->conds[c].arg;
                for (uint32_t j = 0; j < r->conds[c].n_values; j++)
                        for (int k = 0; k < 6; k++) {
                                uint32_t v = r->conds[c].values[j] + (uint32_t)(k % 3) - 1;
                                d->args[arg] = v | (k < 3 ? 0 : 0xdeadull << 32);
                                compare(m, f, d);
                        }
                for (int bit = 0; bit < 64; bit++) {
                        d->args[arg] = 1ull << bit;
                        compare(m, f, d);
                }
        }
}

/* All pairs of bits, and of families, types and commands, in the first three arguments: what the
 * rules of sockets, clone, unshare, setns, ioctl and prctl look at. */
static void compare_matrix(const struct arch *m, const struct seccomp_filter *f, int nr)
{
        struct seccomp_data d = {.nr = nr, .arch = m->audit};
        for (int i = 0; i < 64; i++)
                for (int j = 0; j < 64; j++) {
                        d.args[0] = 1ull << i | 1ull << j;
                        d.args[1] = d.args[2] = 0;
                        compare(m, f, &d);
                        d.args[0] = (uint64_t)i;
                        d.args[1] =
                                (uint64_t)(j % 16) | (j & 16 ? 02000000 : 0) | (j & 32 ? 04000 : 0);
                        compare(m, f, &d);
                        d.args[0] |= 1ull << 32;
                        d.args[1] |= 1ull << 32;
                        d.args[2] = (uint64_t)(j * 37);
                        compare(m, f, &d);
                }
}

static bool has_rules_of_arguments(const struct arch *m, const struct seccomp_filter *f, int nr)
{
        for (size_t k = 0; k < m->rules_n; k++)
                if (m->rules[k].nr == nr && m->rules[k].n_conds &&
                    strcmp(m->rules[k].policy, f->name) == 0)
                        return true;
        return false;
}

static void compare_rules(const struct arch *m, const struct seccomp_filter *f)
{
        for (size_t k = 0; k < m->rules_n; k++) {
                const struct seccomp_rule *r = &m->rules[k];
                if (strcmp(r->policy, f->name) != 0 || r->nr < 0)
                        continue;
                struct seccomp_data d = {.nr = r->nr, .arch = m->audit};
                compare_args(m, f, &d, r);
                memset(d.args, 0xff, sizeof d.args);
                compare_args(m, f, &d, r);
        }
}

TEST(every_program_equals_its_policy_for_every_call)
{
        for (int a = 0; a < 2; a++) {
                const struct arch *m = &archs()[a];
                CHECK_INT(m->table_n, >=, 7);
                compared = 0;
                for (size_t i = 0; i < m->table_n; i++) {
                        const struct seccomp_filter *f = &m->table[i];
                        for (int nr = 0; nr < 1200; nr++) {
                                struct seccomp_data d = {.nr = nr, .arch = m->audit};
                                compare(m, f, &d);
                                memset(d.args, 0xff, sizeof d.args);
                                compare(m, f, &d);
                                if (has_rules_of_arguments(m, f, nr))
                                        compare_matrix(m, f, nr);
                        }
                        compare_rules(m, f);
                }
                printf("# %s: %lu decisions\n", m->name, compared);
                CHECK_INT(compared, >, 300000);
        }
}

TEST(another_architecture_is_killed)
{
        for (int m = 0; m < 2; m++) {
                const struct arch *own = &archs()[m];
                const uint32_t others[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0, 0xffffffff,
                                           archs()[1 - m].audit};
                for (size_t i = 0; i < own->table_n * ARRAY_LEN(others); i++)
                        for (int nr = 0; nr < 500; nr++) {
                                struct seccomp_data d = {.nr = nr,
                                                         .arch = others[i % ARRAY_LEN(others)]};
                                CHECK_INT(interpret(&own->table[i / ARRAY_LEN(others)], &d), ==,
                                          SECCOMP_RET_KILL_PROCESS);
                        }
        }
        for (size_t i = 0; i < seccomp_table_n; i++)
                for (int nr = 0; nr < 600 && NATIVE == AUDIT_ARCH_X86_64; nr++) { /* x32 */
                        struct seccomp_data d = {.nr = nr | 0x40000000, .arch = NATIVE};
                        CHECK_INT(interpret(&seccomp_table[i], &d), ==, SECCOMP_RET_KILL_PROCESS);
                }
}
