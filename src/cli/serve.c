#include "cli/out.h"
#include "cli/server.h"
#include "base/mem.h"
#include "base/str.h"
#include "serve/serve.h"
#include <stdio.h>

static const struct flag flags[] = {
        {.o = {.name = "config",
               .type = OPTION_STR,
               .doc = "Configuration file; default /etc/paddock/paddock.yaml for root, "
                      "$XDG_CONFIG_HOME/paddock/paddock.yaml for a user, if it is there."},
         .letter = 'c',
         .arg = "FILE"},
        {.o = {.name = "state-dir",
               .type = OPTION_STR,
               .doc = "Directory that holds everything; overrides serve.state_dir."},
         .arg = "DIR"},
        {.o = {.name = "set",
               .type = OPTION_STR,
               .doc = "Set one option of the configuration, over the file."},
         .arg = "OPTION=VALUE",
         .repeated = true},
        {.o = {.name = "detach",
               .doc = "Return once the server is ready; it goes on in a session "
                      "of its own and logs to serve.log in its state directory."},
         .letter = 'd'},
        {.o = {.name = "private",
               .doc = "Leave by itself when nobody has used it for a while (serve.idle_exit)."}},
        FLAGS_END,
};

/* An absolute path of what the user gave relative to where he stands. */
static char *absolute(const char *path)
{
        auto_free char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
        while (cwd && str_starts(path, "./"))
                path += 2;
        return cwd ? xasprintf("%s/%s", cwd, path) : xstrdup(path);
}

/* The configuration file's path, NULL when none was named and the usual one is not there. */
static char *config_file(const struct invocation *inv)
{
        const char *given = flag_text(inv, "config");
        if (given)
                return absolute(given);
        auto_free char *path = server_config_path();
        return access(path, F_OK) == 0 ? TAKE_PTR(path) : NULL;
}

static int load(const char *path, struct config **ret)
{
        CLEANUP(config_problems_done) struct config_problems p;
        config_problems_init(&p);
        if (!path) {
                *ret = config_new();
                return 0;
        }
        int r = config_load(path, ret, &p);
        if (r == -ENOENT)
                config_problem(&p, path, 0, "no such file");
        const char *text = buf_text(&p.text);
        out_text(stderr, text, strlen(text));
        if (p.count > CONFIG_PROBLEMS_MAX)
                fprintf(stderr, "%s: %u problems in all\n", path, p.count);
        return r < 0 ? -EINVAL : 0;
}

static int set_options(const struct invocation *inv, struct config *c, struct err *err)
{
        const char *text;
        for (size_t i = 0; (text = flag_nth(inv, "set", i)); i++) {
                size_t n = strcspn(text, "=");
                auto_free char *name = xstrndup(text, n);
                if (!text[n])
                        return err_set(err, -EINVAL, "--set: expected OPTION=VALUE, not '%.64s'",
                                       text);
                const struct option *o = config_find(name);
                const char *near = o ? NULL
                                     : option_suggest(name, config_options, config_options_n,
                                                      sizeof config_options[0]);
                if (!o)
                        return err_set(err, -EINVAL, "--set: %.64s: unknown option%s%s%s", name,
                                       near ? ", did you mean " : "", near ? near : "",
                                       near ? "?" : "");
                int r = config_set(c, name, text + n + 1, err);
                if (r < 0)
                        return err_wrap(err, r, "--set");
        }
        return 0;
}

/* Where the state and the socket are: flags, then the configuration, then the usual places. */
static int places(const struct invocation *inv, struct config *c, char **ret_state,
                  char **ret_socket, struct err *err)
{
        struct server own = {0};
        const char *state = flag_text(inv, "state-dir"), *socket = flag_text(inv, "socket");
        const char *env = getenv("PADDOCK_SOCKET");
        if (!state)
                state = config_get(c, "serve.state_dir");
        if (!socket && env && *env)
                socket = env;
        if (!socket)
                socket = config_get(c, "serve.socket");
        bool root = geteuid() == 0;
        int r = root || (*state && *socket) ? 0 : server_own_dirs(&own, err);
        if (r < 0)
                return r;
        auto_free char *dir = absolute(*state ? state : root ? SYSTEM_STATE : own.state_dir);
        auto_free char *path = absolute(*socket ? socket : root ? SYSTEM_SOCKET : own.socket);
        r = config_set(c, "serve.state_dir", dir, err);
        r = r < 0 ? r : config_set(c, "serve.socket", path, err);
        if (r < 0)
                return r;
        *ret_state = TAKE_PTR(dir);
        *ret_socket = TAKE_PTR(path);
        return 0;
}

/* The same command line without --detach, and with the places made absolute. */
static int detach(const struct invocation *inv, const char *config, const char *state,
                  const char *socket, struct err *err)
{
        const char *text;
        size_t n = 0, sets = 0;
        while (flag_nth(inv, "set", sets))
                sets++;
        auto_free const char **args = xcalloc(12 + 2 * sets, sizeof *args);
        args[n++] = "paddock";
        args[n++] = "serve";
        args[n++] = "--state-dir";
        args[n++] = state;
        args[n++] = "--socket";
        args[n++] = socket;
        if (config) {
                args[n++] = "--config";
                args[n++] = config;
        }
        if (flag_given(inv, "private"))
                args[n++] = "--private";
        for (size_t i = 0; (text = flag_nth(inv, "set", i)); i++) {
                args[n++] = "--set";
                args[n++] = text;
        }
        auto_free char *log = xasprintf("%s/serve.log", state);
        int r = server_ready(socket, NULL);
        if (r == 0)
                return err_set(err, -EEXIST, "a server answers at %s already", socket);
        r = make_dirs(state, err);
        return r < 0 ? r : server_spawn(args, socket, log, err);
}

static int serve(struct invocation *inv)
{
        struct err err = {0};
        struct config *config = NULL; /* serve_main takes it over */
        auto_free char *file = config_file(inv), *state = NULL, *socket = NULL;
        int r = load(file, &config);
        if (r < 0)
                return EXIT_BAD_USAGE;
        r = set_options(inv, config, &err);
        r = r < 0 ? r : places(inv, config, &state, &socket, &err);
        CLEANUP(config_problems_done) struct config_problems p;
        config_problems_init(&p);
        if (r >= 0 && config_check(config, "command line", &p) < 0)
                r = err_set(&err, -EINVAL, "%.*s", (int)strcspn(buf_text(&p.text), "\n"),
                            buf_text(&p.text));
        if (r >= 0 && flag_given(inv, "detach"))
                r = detach(inv, file, state, socket, &err);
        if (r < 0 || flag_given(inv, "detach")) {
                config_free(config);
                return r < 0 ? fail(r, &err) : EXIT_DONE;
        }
        struct serve_options o = {
                .config = config,
                .config_path = file,
                .state_dir = state,
                .socket_path = socket,
                .idle_exit = flag_given(inv, "private"),
        };
        return serve_main(&o);
}

const struct command command_serve = {
        .name = "serve",
        .operands = "",
        .summary = "Run the server: starts the roles, restarts them, owns the state directory.",
        .details =
                "Stays in the foreground and logs to standard error. SIGTERM finishes what is in "
                "flight and leaves; SIGHUP or 'paddock reload' reads the configuration again. "
                "Sandboxes go on without the server and are found again by the next one.",
        .flags = flags,
        .run = serve,
};
