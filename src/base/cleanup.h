/* cleanup.h - scope guards, attributes and the words the whole tree spells the same way.
 *
 *     auto_free char *s = str_dup(x);      freed when the scope ends
 *     auto_close int fd = open(...);       closed when the scope ends; errno is kept
 *     return TAKE_FD(fd);                  gives the descriptor away: the guard sees -1
 *
 * Every guarded variable is initialised where it is declared; the way out of a function is
 * `return`, never `goto`.
 */
#pragma once
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NORETURN          __attribute__((noreturn))
#define UNUSED            __attribute__((unused))
#define ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))

/* unused: clang does not count the guard's own call as a use. */
#define CLEANUP(fn) __attribute__((cleanup(fn), unused))
/* fn() must accept NULL; defines fnp() for CLEANUP(fnp). */
#define DEFINE_CLEANUP(type, fn)                                                                   \
        static inline void fn##p(type *p)                                                          \
        {                                                                                          \
                fn(*p);                                                                            \
        }                                                                                          \
        struct cleanup_needs_a_semicolon

static inline void freep(void *p)
{
        void *q;
        memcpy(&q, p, sizeof q); /* p is a pointer to any pointer type: no aliasing trouble */
        free(q);
}

static inline void closep(int *fd)
{
        int saved = errno;
        if (*fd >= 0)
                close(*fd);
        errno = saved;
}

#define auto_free  CLEANUP(freep)
#define auto_close CLEANUP(closep)

#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) *take_p_ = &(p);                                                     \
                __typeof__(p) take_v_ = *take_p_;                                                  \
                *take_p_ = NULL;                                                                   \
                take_v_;                                                                           \
        })
#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int *take_p_ = &(fd), take_v_ = *take_p_;                                          \
                *take_p_ = -1;                                                                     \
                take_v_;                                                                           \
        })
