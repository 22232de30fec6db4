/* exec_fixture.h - sandboxes without a main command, and commands in them. */
#pragma once
#include "box_fixture.h"
#include "link/files.h"

static const char *const none[] = {NULL};

/* A sandbox with no main command. */
UNUSED static struct launch_spec idle_box(struct fixture *f)
{
        struct launch_spec s = fx_spec();
        CHECK_INT(fx_create(f, &s, none), ==, 0);
        CHECK_INT(f->n_stdio, ==, 3);
        for (int i = 0; i < 3; i++)
                close(f->stdio[i]);
        return s;
}

UNUSED static struct launch_exec exec_in(const char *id)
{
        struct launch_exec x = {.program = EXEC_COMMAND};
        snprintf(x.id, sizeof x.id, "%s", id);
        snprintf(x.exec, sizeof x.exec, "%s", id_new().s);
        return x;
}

UNUSED static int begin(struct fixture *f, const struct launch_exec *x, const char *const *argv)
{
        auto_close int fd = fx_command(argv);
        f->exec_exited = false;
        return fx_call(f, LAUNCH_EXEC, x, &fd, 1);
}

UNUSED static int begin_sh(struct fixture *f, const struct launch_exec *x, const char *script)
{
        const char *const argv[] = {"/bin/sh", "-c", script, NULL};
        int r = begin(f, x, argv);
        if (r < 0)
                fprintf(stderr, "exec: %s\n", f->error);
        return r;
}

/* Runs the script to its end; its output. */
UNUSED static void sh(struct fixture *f, const struct launch_exec *x, const char *script, char *out,
                      size_t size)
{
        CHECK_INT(begin_sh(f, x, script), ==, 0);
        CHECK_INT(f->n_stdio, ==, 3);
        close(f->stdio[0]);
        fx_pump(f, &f->exec_exited);
        CHECK_STR(f->exec_ended.exec, x->exec);
        fx_drain(f->stdio[1], out, size);
        close(f->stdio[2]);
}
