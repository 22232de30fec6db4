/* init_execs.h - the execs that run in this sandbox, as init knows them. */
#pragma once
#include "box/init_exec.h"
#include "box/init_send.h"

struct exec {
        char id[ID_TEXT_LEN + 1];
        int report; /* of its supervisor; -1: this place is free */
        pid_t command;
        uint32_t asked_for; /* the last signal that launch sent to it */
        uint64_t began_ms;
};

struct execs {
        struct exec list[BOX_EXECS_MAX];
};

struct exec *execs_find(struct execs *all, const char *id); /* NULL = not running */
size_t execs_count(const struct execs *all);
/* The request EXEC; answers it, or returns why not. */
MUST_CHECK int execs_start(struct execs *all, struct link_message *m, struct err *err);
/* Reads what its supervisor has to say; one that says nothing more was killed. Reports the end. */
void execs_hear(struct exec *e);
void execs_signal(struct execs *all, const struct init_exec_signal *s);
