/* box_request.h - the flags that say what a sandbox is, and the request made from them: what `run`
 * and `sandbox create` have in common. */
#pragma once
#include "base/json.h"
#include "base/limits.h"
#include "cli/command.h"

extern const char *const box_networks[], *const box_drivers[];

/* Of whatever runs in the foreground. */
extern const char *const stdin_choices[];
#define STDIN_FLAG                                                                                 \
        {                                                                                          \
                .o = {.name = "stdin",                                                             \
                      .type = OPTION_ENUM,                                                         \
                      .choices = stdin_choices,                                                    \
                      .doc = "Whether standard input is passed in; auto (the default): not with "  \
                             "--detach."},                                                         \
                .arg = "auto|yes|no"                                                               \
        }
bool wants_stdin(const struct invocation *inv);

/* Rows for a command's table. */
#define BOX_FLAGS                                                                                  \
        {.o = {.name = "network",                                                                  \
               .type = OPTION_ENUM,                                                                \
               .choices = box_networks,                                                            \
               .doc = "none (the default); proxy: what --allow and --route name; open, for "       \
                      "operators: everything public."},                                            \
         .arg = "none|proxy|open"},                                                                \
                {.o = {.name = "allow",                                                            \
                       .type = OPTION_STR,                                                         \
                       .max = 512,                                                                 \
                       .doc = "A host that may be reached through the proxy inside: pypi.org, "    \
                              "*.debian.org, example.org:8443."},                                  \
                 .arg = "HOST[:PORT]",                                                             \
                 .repeated = true},                                                                \
                {.o = {.name = "route",                                                            \
                       .type = OPTION_NAME,                                                        \
                       .doc = "A route that may be used: an upstream whose key stays in the "      \
                              "vault."},                                                           \
                 .arg = "NAME",                                                                    \
                 .repeated = true},                                                                \
                {.o = {.name = "name",                                                             \
                       .type = OPTION_NAME,                                                        \
                       .doc = "Name of the sandbox; while one of that name runs, this comes to "   \
                              "it and "                                                            \
                              "starts none."},                                                     \
                 .arg = "NAME"},                                                                   \
                {.o = {.name = "image",                                                            \
                       .type = OPTION_NAME,                                                        \
                       .doc = "File system that the command sees; default host, this machine's "   \
                              "/usr."},                                                            \
                 .arg = "IMAGE"},                                                                  \
                {.o = {.name = "template",                                                         \
                       .type = OPTION_NAME,                                                        \
                       .doc = "Fork it from a template: 'paddock template create'."},              \
                 .arg = "NAME"},                                                                   \
                {.o = {.name = "volume",                                                           \
                       .type = OPTION_STR,                                                         \
                       .max = 4096,                                                                \
                       .doc = "Show a volume, or a folder of it, at PATH; ':ro' makes it "         \
                              "read-only."},                                                       \
                 .letter = 'v',                                                                    \
                 .arg = "NAME[/FOLDER]:PATH[:ro]",                                                 \
                 .repeated = true},                                                                \
                {.o = {.name = "env",                                                              \
                       .type = OPTION_STR,                                                         \
                       .doc = "Set a variable of the environment; without =VALUE it is taken "     \
                              "from here."},                                                       \
                 .letter = 'e',                                                                    \
                 .arg = "NAME[=VALUE]",                                                            \
                 .repeated = true},                                                                \
                {.o = {.name = "workdir",                                                          \
                       .type = OPTION_PATH,                                                        \
                       .doc = "Directory in which the command starts; default /work."},            \
                 .letter = 'w',                                                                    \
                 .arg = "PATH"},                                                                   \
                {.o = {.name = "memory",                                                           \
                       .type = OPTION_BYTES,                                                       \
                       .min = BOX_MEMORY_MIN,                                                      \
                       .max = BOX_BYTES_MAX,                                                       \
                       .doc = "Most memory, such as 512M."},                                       \
                 .letter = 'm',                                                                    \
                 .arg = "SIZE"},                                                                   \
                {.o = {.name = "cpu",                                                              \
                       .type = OPTION_CORES,                                                       \
                       .min = BOX_CPU_MIN,                                                         \
                       .max = BOX_CPU_MAX,                                                         \
                       .doc = "Most cores, such as 1.5."},                                         \
                 .arg = "CORES"},                                                                  \
                {.o = {.name = "pids",                                                             \
                       .type = OPTION_U64,                                                         \
                       .min = 1,                                                                   \
                       .max = BOX_PIDS_MAX,                                                        \
                       .doc = "Most processes and threads."},                                      \
                 .arg = "N"},                                                                      \
                {.o = {.name = "disk",                                                             \
                       .type = OPTION_BYTES,                                                       \
                       .min = BOX_DISK_MIN,                                                        \
                       .max = BOX_BYTES_MAX,                                                       \
                       .doc = "Most writable space."},                                             \
                 .arg = "SIZE"},                                                                   \
                {.o = {.name = "timeout",                                                          \
                       .type = OPTION_MS,                                                          \
                       .min = 1,                                                                   \
                       .max = BOX_WALL_MS_MAX,                                                     \
                       .doc = "End the sandbox after this time, such as 30s; exit code 124."},     \
                 .letter = 't',                                                                    \
                 .arg = "TIME"},                                                                   \
                {.o = {.name = "secret",                                                           \
                       .type = OPTION_STR,                                                         \
                       .max = 256,                                                                 \
                       .doc = "A file secret of yours, shown at PATH or /run/secrets/NAME."},      \
                 .arg = "NAME[:PATH]",                                                             \
                 .repeated = true},                                                                \
                {.o = {.name = "gpu",                                                              \
                       .type = OPTION_STR,                                                         \
                       .max = 127,                                                                 \
                       .doc = "A device by its CDI name, such as nvidia.com/gpu=0; all; or how "   \
                              "many."},                                                            \
                 .arg = "NAME|all|N",                                                              \
                 .repeated = true},                                                                \
                {.o = {.name = "idle-timeout",                                                     \
                       .type = OPTION_MS,                                                          \
                       .min = 1000,                                                                \
                       .max = BOX_WALL_MS_MAX,                                                     \
                       .doc = "End the sandbox after so long without work."},                      \
                 .arg = "TIME"},                                                                   \
                {.o = {.name = "cpu-time",                                                         \
                       .type = OPTION_MS,                                                          \
                       .min = 1,                                                                   \
                       .max = BOX_CPU_MS_MAX,                                                      \
                       .doc = "End the sandbox when all of it has used so much processor time."},  \
                 .arg = "TIME"},                                                                   \
                {.o = {.name = "output-limit",                                                     \
                       .type = OPTION_BYTES,                                                       \
                       .min = 1,                                                                   \
                       .max = BOX_BYTES_MAX,                                                       \
                       .doc = "End the sandbox when it has written so much; without it, what "     \
                              "passes 16 MiB "                                                     \
                              "is counted and not stored."},                                       \
                 .arg = "SIZE"},                                                                   \
                {.o = {.name = "label",                                                            \
                       .type = OPTION_STR,                                                         \
                       .max = 320,                                                                 \
                       .doc = "A label, by which 'paddock sandbox list' finds it."},               \
                 .letter = 'l',                                                                    \
                 .arg = "KEY=VALUE",                                                               \
                 .repeated = true},                                                                \
                {.o = {.name = "driver",                                                           \
                       .type = OPTION_ENUM,                                                        \
                       .choices = box_drivers,                                                     \
                       .doc = "What makes the sandbox: ns (the default) or runsc, gVisor's."},     \
                 .arg = "ns|runsc"},                                                               \
        {                                                                                          \
                .o =                                                                               \
                {.name = "tty",                                                                    \
                 .doc = "Give the command a terminal; this one's size and keys are passed on." }   \
        }

/* The body of POST /v1/sandboxes; the words of the command are `argv` (NULL-terminated). */
MUST_CHECK int box_request(const struct invocation *inv, char *const *argv, bool with_stdin,
                           json_t **ret, struct err *err);
/* argv, env, tty and the size of this terminal: what exec has, too. */
MUST_CHECK int box_request_command(const struct invocation *inv, char *const *argv, json_t *body,
                                   struct err *err);
