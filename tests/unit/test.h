/* test.h - unit tests that register themselves and run each in a process of its own.
 *
 *     TEST(buf_refuses_more_than_its_maximum)
 *     {
 *             CHECK_INT(buf_adds(&b, "abcd"), ==, -E2BIG);
 *     }
 *
 * One file of tests is one program; it prints TAP. With arguments only the tests whose name
 * contains one of them run, and matching none is a failure. A test that takes longer than
 * TEST_SECONDS is killed and failed. SKIP("host lacks X") says which capability is missing; any
 * other skip fails CI.
 */
#pragma once
#include "base/cleanup.h"
#include <stdio.h>

#define TEST_SECONDS 60

struct test {
        const char *name;
        void (*fn)(void);
        struct test *next;
};
void test_register(struct test *t);
NORETURN void test_failed(const char *file, int line, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
NORETURN void test_skipped(const char *why);

#define TEST(n)                                                                                    \
        static void test_##n(void);                                                                \
        __attribute__((constructor)) static void register_##n(void)                                \
        {                                                                                          \
                static struct test t = {#n, test_##n, NULL};                                       \
                test_register(&t);                                                                 \
        }                                                                                          \
        static void test_##n(void)

/* Each argument is evaluated once; both values are printed on failure. */
#define CHECK(x)                                                                                   \
        do {                                                                                       \
                if (!(x))                                                                          \
                        test_failed(__FILE__, __LINE__, "%s", #x);                                 \
        } while (0)
#define CHECK_INT(a, op, b)                                                                        \
        do {                                                                                       \
                long long check_a_ = (long long)(a), check_b_ = (long long)(b);                    \
                if (!(check_a_ op check_b_))                                                       \
                        test_failed(__FILE__, __LINE__, "%s %s %s: %lld, %lld", #a, #op, #b,       \
                                    check_a_, check_b_);                                           \
        } while (0)
#define CHECK_STR(a, b)                                                                            \
        do {                                                                                       \
                const char *check_a_ = (a), *check_b_ = (b);                                       \
                if (!check_a_ || !check_b_ || strcmp(check_a_, check_b_) != 0)                     \
                        test_failed(__FILE__, __LINE__, "%s: \"%s\", expected \"%s\"", #a,         \
                                    check_a_ ? check_a_ : "(null)",                                \
                                    check_b_ ? check_b_ : "(null)");                               \
        } while (0)
#define CHECK_CONTAINS(s, part)                                                                    \
        do {                                                                                       \
                const char *check_s_ = (s);                                                        \
                if (!strstr(check_s_, (part)))                                                     \
                        test_failed(__FILE__, __LINE__, "\"%s\" does not contain \"%s\"",          \
                                    check_s_, (part));                                             \
        } while (0)
#define SKIP(why) test_skipped(why)
