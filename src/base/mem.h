/* mem.h - allocation.
 *
 * Two kinds. Small amounts that we bound ourselves: xmalloc and friends, which end the process when
 * there is no memory (the supervisor starts the role again; its state is in the store). Anything
 * whose size comes from outside: mem_try, or a buf with a maximum, which return NULL or -ENOMEM.
 *
 * In a torture build (-DPADDOCK_TORTURE) the n-th allocation of the second kind fails on request;
 * see tests/torture/torture.c.
 */
#pragma once
#include "base/cleanup.h"

void *xmalloc(size_t size);                              /* never NULL */
void *xcalloc(size_t n, size_t size);                    /* zeroed, overflow checked; never NULL */
void *xrealloc(void *p, size_t size);                    /* never NULL */
char *xstrdup(const char *s);                            /* never NULL */
char *xstrndup(const char *s, size_t n);                 /* never NULL */
PRINTF_LIKE(1, 2) char *xasprintf(const char *fmt, ...); /* never NULL */

MUST_CHECK void *mem_try(size_t size);            /* NULL when there is no memory */
MUST_CHECK void *mem_retry(void *p, size_t size); /* realloc; p stays valid when NULL comes back */

#ifdef PADDOCK_TORTURE
void mem_fail_nth(long n); /* the n-th call of mem_try or mem_retry from now on fails; 0: none */
bool mem_has_failed(void); /* whether it has come to that */
#endif
