/* seccomp-compile - turns src/os/seccomp/NAME.policy into the BPF programs of os/seccomp_table.h.
 *
 *     seccomp-compile OUT.c DIR NAME...
 *
 * Runs at build time only. libseccomp gives the numbers of the system calls on each architecture;
 * the programs are ours: a balanced search tree over ranges of numbers, then the rules of one
 * number in the order of the text. Grammar, one statement a line, `#` comments:
 *
 *     default ACTION | include NAME | ACTION CALL... | ACTION CALL if COND [and COND]
 *     ACTION = allow | eperm | enosys | kill     COND = argN = VALUE... | argN & MASK
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/evp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX   1200
#define CONDS_MAX   2
#define VALUES_MAX  12
#define PROGRAM_MAX 4096
#define NR_LIMIT    0x40000000u /* x32 numbers begin here on x86_64 */

struct cond {
        uint32_t arg, mask, n, values[VALUES_MAX];
};
struct rule {
        int nr;
        uint32_t action, n_conds;
        struct cond conds[CONDS_MAX];
};
struct policy {
        const char *name;
        uint32_t fallback, n;
        struct rule rules[RULES_MAX];
};
struct arch {
        uint32_t token, audit;
        const char *guard;
};
struct program {
        struct sock_filter ins[PROGRAM_MAX];
        size_t n;
};
/* Numbers start .. the next range's start - 1 share the rules [first of `nr`]; nr -1: none. */
struct range {
        uint32_t start;
        int nr;
};

static const struct constant {
        const char *name;
        uint32_t value;
} constants[] = {
        {"TIOCSTI", 0x5412},
        {"TIOCLINUX", 0x541C},
        {"TIOCSETD", 0x5423},
        {"TCGETS", 0x5401},
        {"TIOCGWINSZ", 0x5413},
        {"TIOCSWINSZ", 0x5414},
        {"FIONREAD", 0x541B},
        {"FIONBIO", 0x5421},
        {"F_SETLEASE", 1024},
        {"F_NOTIFY", 1026},
        {"CLONE_NEW", 0x7E020080}, /* user pid net ipc uts cgroup, mount, time */
        {"CLONE_THREAD", 0x00010000},
        {"PER_NO_RANDOMIZE", 0x0040000},
        {"PER_QUERY", 0xffffffff},
        {"SECCOMP_SET_FILTER", 1},
        {"SECCOMP_LISTENER", 8},
        {"SOL_IP", 0},
        {"SOL_IPV6", 41},
        {"OPT_TABLES", 64}, /* netfilter's options begin here; no other bit below 128 */
        {"SOCK_DGRAM", 2},  /* the bit that SOCK_RAW has as well and SOCK_STREAM has not */
        {"AF_UNIX", 1},
        {"AF_INET", 2},
        {"AF_INET6", 10},
        {"AF_PACKET", 17},
        {"AF_ALG", 38},
        {"AF_VSOCK", 40},
        {"AF_BLUETOOTH", 31},
        {"AF_CAN", 29},
        {"AF_TIPC", 30},
        {"PROT_EXEC", 4},
        {"MAP_ANONYMOUS", 0x20},
        {"AT_EMPTY_PATH", 0x1000},
        {"PR_SET_NAME", 15},
        {"PR_GET_NAME", 16},
        {"PR_SET_VMA", 0x53564d41},
        {"PR_GET_DUMPABLE", 3},
        {"PR_SET_DUMPABLE", 4},
        {"PR_GET_SECCOMP", 21},
        {"PR_GET_NO_NEW_PRIVS", 39},
        {"PR_SET_NO_NEW_PRIVS", 38},
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        fputs("seccomp-compile: ", stderr);
        vfprintf(stderr, fmt, ap);
        fputc('\n', stderr);
        va_end(ap);
        exit(1);
}

static int action_of(const char *word, uint32_t *ret)
{
        static const struct constant actions[] = {{"allow", SECCOMP_RET_ALLOW},
                                                  {"eperm", SECCOMP_RET_ERRNO | EPERM},
                                                  {"enosys", SECCOMP_RET_ERRNO | ENOSYS},
                                                  {"kill", SECCOMP_RET_KILL_PROCESS}};
        for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
                if (strcmp(word, actions[i].name) == 0) {
                        *ret = actions[i].value;
                        return 0;
                }
        return -1;
}

static uint32_t value_of(const char *where, const char *word)
{
        for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
                if (strcmp(word, constants[i].name) == 0)
                        return constants[i].value;
        char *end;
        unsigned long v = strtoul(word, &end, 0);
        if (*end || end == word || v > UINT32_MAX)
                die("%s: '%s' is no known constant", where, word);
        return (uint32_t)v;
}

/* words: "if" argN (= VALUE... | & MASK) ["and" ...]; returns how many conditions. */
static uint32_t parse_conds(const char *where, char **w, size_t n, struct cond *conds)
{
        uint32_t count = 0;
        for (size_t i = 0; i < n;) {
                if (count == CONDS_MAX || i + 3 >= n || strncmp(w[i + 1], "arg", 3) != 0 ||
                    w[i + 1][3] < '0' || w[i + 1][3] > '5')
                        die("%s: bad condition", where);
                struct cond *c = &conds[count++];
                *c = (struct cond){.arg = (uint32_t)(w[i + 1][3] - '0')};
                int masked = strcmp(w[i + 2], "&") == 0;
                if (!masked && strcmp(w[i + 2], "=") != 0)
                        die("%s: expected = or &", where);
                for (i += 3; i < n && strcmp(w[i], "and") != 0; i++) {
                        if (c->n == VALUES_MAX)
                                die("%s: too many values", where);
                        c->values[c->n++] = value_of(where, w[i]);
                }
                if (masked)
                        c->mask = c->values[0];
                if (c->n == 0 || (masked && (c->n != 1 || !c->mask)))
                        die("%s: expected a value", where);
        }
        return count;
}

static void add_rule(const char *where, struct policy *p, const struct arch *a, const char *call,
                     uint32_t action, const struct cond *conds, uint32_t n_conds)
{
        int nr = seccomp_syscall_resolve_name_arch(a->token, call);
        if (nr == __NR_SCMP_ERROR)
                die("%s: no system call '%s'", where, call);
        if (nr < 0)
                return; /* not on this architecture */
        if (p->n == RULES_MAX)
                die("%s: too many rules", where);
        struct rule *r = &p->rules[p->n++];
        *r = (struct rule){.nr = nr, .action = action, .n_conds = n_conds};
        memcpy(r->conds, conds, sizeof r->conds);
}

static void parse_file(const char *dir, const char *name, struct policy *p, const struct arch *a);

static void parse_line(const char *dir, const char *where, char **w, size_t n, struct policy *p,
                       const struct arch *a)
{
        uint32_t action;
        if (strcmp(w[0], "include") == 0 && n == 2) {
                parse_file(dir, w[1], p, a);
                return;
        }
        if (strcmp(w[0], "default") == 0 && n == 2 && action_of(w[1], &p->fallback) == 0)
                return;
        if (action_of(w[0], &action) < 0 || n < 2)
                die("%s: expected default, include or an action", where);
        struct cond conds[CONDS_MAX] = {0};
        uint32_t n_conds = 0;
        size_t calls = n;
        for (size_t i = 1; i < n; i++)
                if (strcmp(w[i], "if") == 0) {
                        n_conds = parse_conds(where, w + i, n - i, conds);
                        calls = i;
                        break;
                }
        for (size_t i = 1; i < calls; i++)
                add_rule(where, p, a, w[i], action, conds, n_conds);
}

static void parse_file(const char *dir, const char *name, struct policy *p, const struct arch *a)
{
        char path[512], line[1024], where[600];
        snprintf(path, sizeof path, "%s/%s.policy", dir, name);
        FILE *f = fopen(path, "re");
        if (!f)
                die("%s: %s", path, strerror(errno));
        for (int no = 1; fgets(line, sizeof line, f); no++) {
                char *w[64], *save = NULL;
                size_t n = 0;
                line[strcspn(line, "#\n")] = 0;
                for (char *s = strtok_r(line, " \t", &save); s; s = strtok_r(NULL, " \t", &save)) {
                        if (n == 64)
                                die("%s:%d: too many words", path, no);
                        w[n++] = s;
                }
                snprintf(where, sizeof where, "%s:%d", path, no);
                if (n)
                        parse_line(dir, where, w, n, p, a);
        }
        fclose(f);
}

static void emit(struct program *g, struct sock_filter ins)
{
        if (g->n == PROGRAM_MAX)
                die("program too long");
        g->ins[g->n++] = ins;
}
#define STMT(code, k)         (struct sock_filter) BPF_STMT((unsigned short)(code), k)
#define JUMP(code, k, jt, jf) (struct sock_filter) BPF_JUMP((unsigned short)(code), k, jt, jf)
#define RET(action)           STMT(BPF_RET | BPF_K, action)

/* One rule: its conditions, then its action; a condition that fails jumps past the action. */
static void emit_rule(struct program *g, const struct rule *r)
{
        uint32_t left = 1;
        for (uint32_t i = 0; i < r->n_conds; i++)
                left += 1 + r->conds[i].n;
        for (uint32_t i = 0; i < r->n_conds; i++) {
                const struct cond *c = &r->conds[i];
                /* little-endian: the low half of the argument comes first */
                uint32_t off = (uint32_t)offsetof(struct seccomp_data, args) + 8 * c->arg;
                emit(g, STMT(BPF_LD | BPF_W | BPF_ABS, off));
                left--;
                for (uint32_t j = 0; j < c->n; j++) {
                        int last = j + 1 == c->n;
                        unsigned char hit = (unsigned char)(c->n - j - 1);
                        unsigned char miss = (unsigned char)(last ? left - 1 : 0);
                        unsigned short op = c->mask ? BPF_JSET : BPF_JEQ;
                        emit(g, JUMP(BPF_JMP | op | BPF_K, c->values[j], hit, miss));
                        left--;
                }
        }
        emit(g, RET(r->action));
}

static void emit_leaf(struct program *g, const struct policy *p, int nr)
{
        for (uint32_t i = 0; nr >= 0 && i < p->n; i++) {
                if (p->rules[i].nr != nr)
                        continue;
                emit_rule(g, &p->rules[i]);
                if (p->rules[i].n_conds == 0)
                        return;
        }
        emit(g, RET(p->fallback));
}

static void emit_tree(struct program *g, const struct policy *p, const struct range *r, size_t n)
{
        if (n == 1) {
                emit_leaf(g, p, r[0].nr);
                return;
        }
        size_t mid = n / 2;
        struct program *left = calloc(1, sizeof *left);
        if (!left)
                die("out of memory");
        emit_tree(left, p, r, mid);
        if (left->n <= 255) {
                emit(g, JUMP(BPF_JMP | BPF_JGE | BPF_K, r[mid].start, (unsigned char)left->n, 0));
        } else {
                emit(g, JUMP(BPF_JMP | BPF_JGE | BPF_K, r[mid].start, 0, 1));
                emit(g, STMT(BPF_JMP | BPF_JA, (uint32_t)left->n));
        }
        for (size_t i = 0; i < left->n; i++)
                emit(g, left->ins[i]);
        free(left);
        emit_tree(g, p, r + mid, n - mid);
}

/* The action of a number whose rules have no condition; 0 when they have. */
static uint32_t plain_action(const struct policy *p, int nr)
{
        for (uint32_t i = 0; nr >= 0 && i < p->n; i++)
                if (p->rules[i].nr == nr)
                        return p->rules[i].n_conds ? 0 : p->rules[i].action;
        return p->fallback;
}

static size_t make_ranges(const struct policy *p, struct range *ret)
{
        int top = 0;
        size_t n = 0;
        for (uint32_t i = 0; i < p->n; i++)
                top = p->rules[i].nr > top ? p->rules[i].nr : top;
        uint32_t last = 0;
        for (int nr = 0; nr <= top + 1; nr++) {
                int found = -1;
                for (uint32_t i = 0; i < p->n && found < 0; i++)
                        found = p->rules[i].nr == nr ? nr : -1;
                uint32_t action = plain_action(p, found);
                if (n == 0 || action == 0 || action != last)
                        ret[n++] = (struct range){(uint32_t)nr, found};
                last = action;
        }
        return n;
}

static void compile(const struct policy *p, const struct arch *a, struct program *g)
{
        static struct range ranges[2048];
        emit(g, STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
        emit(g, JUMP(BPF_JMP | BPF_JEQ | BPF_K, a->audit, 1, 0));
        emit(g, RET(SECCOMP_RET_KILL_PROCESS));
        emit(g, STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
        emit(g, JUMP(BPF_JMP | BPF_JGE | BPF_K, NR_LIMIT, 0, 1));
        emit(g, RET(SECCOMP_RET_KILL_PROCESS));
        emit_tree(g, p, ranges, make_ranges(p, ranges));
}

static void write_hash(FILE *out, const struct program *g)
{
        unsigned char md[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        if (!EVP_Digest(g->ins, g->n * sizeof g->ins[0], md, &n, EVP_sha256(), NULL))
                die("SHA-256 failed");
        for (unsigned i = 0; i < n; i++)
                fprintf(out, "%02x", md[i]);
}

static void write_program(FILE *out, size_t index, const struct program *g)
{
        fprintf(out, "static const struct sock_filter program_%zu[] = {", index);
        for (size_t i = 0; i < g->n; i++)
                fprintf(out, "%s{%#x, %u, %u, %#x},", i % 4 ? " " : "\n        ", g->ins[i].code,
                        g->ins[i].jt, g->ins[i].jf, g->ins[i].k);
        fprintf(out, "\n};\n");
}

static void write_rules(FILE *out, const struct policy *p)
{
        for (uint32_t i = 0; i < p->n; i++) {
                const struct rule *r = &p->rules[i];
                fprintf(out, "        {\"%s\", %d, %#x, {", p->name, r->nr, r->action);
                for (uint32_t c = 0; c < r->n_conds; c++) {
                        const struct cond *k = &r->conds[c];
                        fprintf(out, "{%u, %#x, %u, {", k->arg, k->mask, k->n);
                        for (uint32_t v = 0; v < k->n; v++)
                                fprintf(out, "%#x, ", k->values[v]);
                        fprintf(out, "}}, ");
                }
                fprintf(out, "}, %u},\n", r->n_conds);
        }
        fprintf(out, "        {\"%s\", -1, %#x, {{0}}, 0},\n", p->name, p->fallback);
}

static void write_arch(FILE *out, const struct arch *a, const char *dir, char **names, size_t n)
{
        struct policy *policies = calloc(n, sizeof *policies);
        struct program *programs = calloc(n, sizeof *programs);
        if (!policies || !programs)
                die("out of memory");
        fprintf(out, "#ifdef %s\n", a->guard);
        for (size_t i = 0; i < n; i++) {
                policies[i].name = names[i];
                parse_file(dir, names[i], &policies[i], a);
                if (!policies[i].fallback)
                        die("%s: no default", names[i]);
                compile(&policies[i], a, &programs[i]);
                write_program(out, i, &programs[i]);
        }
        fprintf(out, "const struct seccomp_filter seccomp_table[] = {\n");
        for (size_t i = 0; i < n; i++) {
                fprintf(out, "        {\"%s\", \"", names[i]);
                write_hash(out, &programs[i]);
                fprintf(out, "\", program_%zu, %zu},\n", i, programs[i].n);
        }
        fprintf(out, "};\nconst struct seccomp_rule seccomp_rules[] = {\n");
        for (size_t i = 0; i < n; i++)
                write_rules(out, &policies[i]);
        fprintf(out, "};\n#endif\n");
        free(policies);
        free(programs);
}

int main(int argc, char **argv)
{
        static const struct arch archs[] = {{SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, "__x86_64__"},
                                            {SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, "__aarch64__"}};
        if (argc < 4)
                die("usage: seccomp-compile OUT.c DIR NAME...");
        FILE *out = fopen(argv[1], "we");
        if (!out)
                die("%s: %s", argv[1], strerror(errno));
        fprintf(out, "/* Generated by tools/seccomp-compile; do not edit. */\n"
                     "#include \"os/seccomp_table.h\"\n");
        for (size_t i = 0; i < 2; i++)
                write_arch(out, &archs[i], argv[2], argv + 3, (size_t)argc - 3);
        fprintf(out,
                "const size_t seccomp_table_n = sizeof seccomp_table / sizeof seccomp_table[0];\n"
                "const size_t seccomp_rules_n = sizeof seccomp_rules / sizeof seccomp_rules[0];\n");
        if (fclose(out))
                die("%s: %s", argv[1], strerror(errno));
        return 0;
}
