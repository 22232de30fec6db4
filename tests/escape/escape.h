/* escape.h - what the files of the program `escape` share. A test returns NULL for "closed", else
 * the reason why a door is open. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
extern char why[1024];
#define OPEN(...) (snprintf(why, sizeof why, __VA_ARGS__), why)
#define TRY(...)  nothing(syscall(__VA_ARGS__))

/* What kind of sandbox this is: first argument. */
enum profile { RUN, IMAGE, BUILD, PROXY, FILES };
extern enum profile profile;

long nothing(long r); /* -errno */
int refused(long r);  /* EPERM, ENOSYS or EACCES */
/* The text of a small file; -errno. */
long read_file(const char *path, char *to, size_t size);
const char *same_root(const char *path); /* NULL: it is "/", or not to be had */
bool opens(const char *path, int flags);

struct escape {
        int number; /* in the list of escapes */
        const char *name;
        const char *(*fn)(void);
};
/* Each ends with an entry without function. */
extern const struct escape file_escapes[], process_escapes[], call_escapes[], resource_escapes[];
extern const struct escape class_escapes[];

/* also for a program that runs from memory */
const char *capabilities(void);
const char *new_namespaces(void);

/* between two sandboxes */
int hold(void);
const char *other_sandbox(void);
int take_memory(const char *kind); /* memory.c: more and more of it */
