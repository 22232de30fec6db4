/* loop.h - the event loop: epoll, timers, signals, child processes, work from other threads.
 *
 * Contract. One thread runs the loop; every callback runs there, one at a time, never from inside
 * the call that registered it. A callback may add, change or remove any registration, its own
 * included: a removed one is not called again, not even for events already fetched. The loop owns
 * the registrations, never the descriptors. Callbacks do not block: what takes long is a thread or
 * a process that reports back through loop_post.
 */
#pragma once
#include "base/err.h"
#include <sys/epoll.h>
#include <sys/types.h>

struct loop;
struct loop_io;
struct loop_timer;

typedef void (*loop_io_fn)(void *ctx, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP, ... */
typedef void (*loop_fn)(void *ctx);
typedef void (*loop_signal_fn)(void *ctx, int signo);
typedef void (*loop_child_fn)(void *ctx, pid_t pid, int status); /* status as of waitpid */

struct loop *loop_new(void);    /* never NULL */
void loop_free(struct loop *l); /* NULL is fine; remaining registrations are dropped */
DEFINE_CLEANUP(struct loop *, loop_free);
/* Runs until loop_stop. 0, or a negative errno when epoll itself fails. */
MUST_CHECK int loop_run(struct loop *l, struct err *err);
/* Handles what is ready now, waiting at most timeout_ms (-1: until something is). */
MUST_CHECK int loop_once(struct loop *l, int timeout_ms, struct err *err);
void loop_stop(struct loop *l);

/* Watches fd (borrowed; close it only after loop_io_remove). Never NULL. */
struct loop_io *loop_io_add(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *ctx);
void loop_io_events(struct loop_io *io, uint32_t events); /* 0: only errors and hang-up */
void loop_io_remove(struct loop_io *io);                  /* NULL is fine */

/* Calls fn once after delay_ms, then forgets it; the handle is dead once fn has been entered. */
struct loop_timer *loop_timer_add(struct loop *l, uint64_t delay_ms, loop_fn fn, void *ctx);
void loop_timer_remove(struct loop_timer *t); /* NULL is fine */

/* Takes the signal over from its default; one handler per signal. */
void loop_signal(struct loop *l, int signo, loop_signal_fn fn, void *ctx);
/* Calls fn when the child has ended, and reaps it. */
MUST_CHECK int loop_child(struct loop *l, pid_t pid, loop_child_fn fn, void *ctx);
/* From any thread: runs fn on the loop's thread, in order of posting. */
void loop_post(struct loop *l, loop_fn fn, void *ctx);
