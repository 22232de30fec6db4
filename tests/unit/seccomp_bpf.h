/* seccomp_bpf.h - the BPF of system-call filters, interpreted by the tests. */
#pragma once
#include "os/seccomp.h"
#include "os/seccomp_table.h"
#include "test.h"
#include <linux/audit.h>
#include <linux/seccomp.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

/* The instructions that seccomp allows and that our compiler emits; anything else fails the test.
 */
static uint32_t interpret(const struct seccomp_filter *f, const struct seccomp_data *d)
{
        uint32_t a = 0;
        for (size_t pc = 0; pc < f->len; pc++) {
                const struct sock_filter *i = &f->program[pc];
                switch (i->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        CHECK_INT(i->k, <=, sizeof *d - 4);
                        memcpy(&a, (const char *)d + i->k, 4);
                        break;
                case BPF_JMP | BPF_JA:
                        pc += i->k;
                        break;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        pc += a == i->k ? i->jt : i->jf;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        pc += a >= i->k ? i->jt : i->jf;
                        break;
                case BPF_JMP | BPF_JSET | BPF_K:
                        pc += a & i->k ? i->jt : i->jf;
                        break;
                case BPF_RET | BPF_K:
                        return i->k;
                default:
                        test_failed(__FILE__, __LINE__, "instruction %zu: code %#x", pc, i->code);
                }
        }
        test_failed(__FILE__, __LINE__, "%s: ran off the end", f->name);
}
