#include "box/runsc.h"
#include "base/str.h"
#include <unistd.h>

bool runsc_asked(const struct launch_spec *spec)
{
        return str_eq(spec->driver, "runsc");
}

const char *runsc_program(void)
{
        static const char *const paths[] = {"/usr/local/bin/runsc", "/usr/bin/runsc"};
        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
                if (access(paths[i], X_OK) == 0)
                        return paths[i];
        return NULL;
}

int runsc_check(const struct box_host *h, const struct launch_spec *spec, struct err *err)
{
        const struct {
                bool asked;
                const char *what;
        } unable[] = {
                {spec->tty, "a terminal"},
                {spec->template[0], "templates"},
                {spec->network != BOX_NET_NONE, "the network"},
                {spec->n_secrets, "file secrets"},
                {spec->n_gpus, "a GPU"},
                {spec->profile != BOX_RUN, "anything but a command of a user"},
        };
        if (!runsc_asked(spec))
                return 0;
        if (!h->facts.rootful)
                return err_set(err, -ENOTSUP,
                               "driver: runsc needs the id ranges that only root has");
        if (!runsc_program() || h->programs[PROGRAM_RUNSC] < 0)
                return err_set(err, -ENOTSUP, "driver: runsc is not installed on this host");
        for (size_t i = 0; i < ARRAY_LEN(unable); i++)
                if (unable[i].asked)
                        return err_set(err, -ENOTSUP, "driver: runsc has no part for %s",
                                       unable[i].what);
        if (spec->memory_bytes < RUNSC_MEMORY_MIN)
                return err_set(err, -EINVAL,
                               "memory: runsc needs 96 MiB, its own kernel is charged to it");
        return 0;
}
