/* out.h - what the commands print: tables on a terminal and tab-separated lines elsewhere, wrapped
 * text, JSON. What came from documents and sandboxes is printed without control characters, so that
 * it cannot drive the terminal. */
#pragma once
#include "base/json.h"
#include <stdio.h>

bool out_is_terminal(int fd);
int out_width(void); /* columns of standard output; 80 when it is no terminal */
/* Text on one or more lines; control characters but newline and tab become '?'. */
void out_text(FILE *f, const char *s, size_t n);
/* A name, a title, a reason: one line for certain. What turns the writing direction is '?', too, so
 * that a name cannot be shown as another. */
void out_line(FILE *f, const char *s);
/* Text wrapped at the width, each line indented. */
void out_wrapped(const char *s, int indent);
/* JSON on one line, or indented on a terminal. */
void out_json(const json_t *j);

struct table;
/* titles end with NULL; a title that begins with '>' is aligned right (without the sign). */
struct table *table_new(const char *const *titles);
void table_free(struct table *t); /* NULL is fine */
DEFINE_CLEANUP(struct table *, table_free);
/* One cell of the current row; the last one of a row ends it. */
PRINTF_LIKE(2, 3) void table_cell(struct table *t, const char *fmt, ...);
void table_print(const struct table *t);

/* Fields of an answer of the server, for printing: "" and 0 where they are missing. */
const char *get_str(const json_t *o, const char *key);
uint64_t get_u64(const json_t *o, const char *key);
/* "2026-11-21 09:30:00" in local time, "-" for 0. dst[32]; returns dst. */
const char *local_time(char dst[32], uint64_t wall_ms);

/* Prints "paddock: reason" on standard error; returns the exit code for the errno. */
int fail(int r, const struct err *err);
int exit_code_for(int r);
