/* THE table of configuration options. One row is everything there is to say about an option: what
 * parses it, checks it, documents it and says whether it can change while serve runs. */
#include "conf/config.h"
#include "base/limits.h"
#include "base/str.h"
#include <arpa/inet.h>

#define SECOND 1000ull
#define DAY    (24 * 3600 * SECOND)

static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const key_modes[] = {"file", "credential", "passphrase", NULL};
static const char *const formats[] = {"logfmt", "json", NULL};

/* "127.0.0.1:8000" or "[::1]:8000": an address, never a name, so that nothing is looked up. */
static int check_listen(const char *text, struct err *err)
{
        const char *colon = strrchr(text, ':');
        uint64_t port = 0;
        char host[INET6_ADDRSTRLEN + 2];
        unsigned char addr[16];
        size_t n = colon ? (size_t)(colon - text) : 0;
        bool ok = colon && n < sizeof host && str_to_u64(colon + 1, &port) == 0 && port >= 1 &&
                  port <= 65535;
        if (ok) {
                bool six = text[0] == '[' && n > 2 && text[n - 1] == ']';
                memcpy(host, text + six, n - 2 * six);
                host[n - 2 * six] = '\0';
                ok = inet_pton(six ? AF_INET6 : AF_INET, host, addr) == 1;
        }
        if (ok)
                return 0;
        return err_set(err, -EINVAL,
                       "'%.128s' is not valid, expected an address and a port such as "
                       "127.0.0.1:8000 or [::1]:8000",
                       text);
}

static int check_socket(const char *text, struct err *err)
{
        if (strlen(text) <= SOCKET_PATH_MAX)
                return 0;
        return err_set(err, -EINVAL, "the path has %zu bytes, a socket's may have %d", strlen(text),
                       SOCKET_PATH_MAX);
}

static int check_origin(const char *text, struct err *err)
{
        const char *host = strstr(text, "://");
        bool ok = (str_starts(text, "http://") || str_starts(text, "https://")) && host[3] &&
                  !strpbrk(host + 3, "/?#@ *");
        if (ok)
                return 0;
        return err_set(err, -EINVAL,
                       "'%.128s' is not valid, expected an origin such as https://example.org",
                       text);
}

/* "10.0.0.0/8", "::1": an address, with the length of a prefix or alone. */
static int check_network(const char *text, struct err *err)
{
        char host[INET6_ADDRSTRLEN];
        unsigned char addr[16];
        uint64_t bits = 0;
        const char *slash = strchr(text, '/');
        size_t n = slash ? (size_t)(slash - text) : strlen(text);
        bool six = memchr(text, ':', n) != NULL, ok = n < sizeof host;
        if (ok) {
                memcpy(host, text, n);
                host[n] = '\0';
                ok = inet_pton(six ? AF_INET6 : AF_INET, host, addr) == 1 &&
                     (!slash || (str_to_u64(slash + 1, &bits) == 0 && bits <= (six ? 128 : 32)));
        }
        if (ok)
                return 0;
        return err_set(err, -EINVAL, "'%.128s' is not valid, expected a network such as 10.0.0.0/8",
                       text);
}

/* "pip=https://pypi.org/simple": the names are those of a recipe's mirrors. */
static int check_mirror(const char *text, struct err *err)
{
        static const char *const kinds[] = {"debian=", "security=", "pip=", "npm="};
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                const char *url = text + strlen(kinds[i]);
                if (str_starts(text, kinds[i]) &&
                    (str_starts(url, "http://") || str_starts(url, "https://")) &&
                    !strpbrk(url, "@'\"\\ "))
                        return 0;
        }
        return err_set(err, -EINVAL,
                       "'%.128s' is not valid, expected NAME=URL, NAME being debian, security, "
                       "pip or npm, the URL without a user",
                       text);
}

static int check_host(const char *text, struct err *err)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789.-_*[]:";
        if (*text != '-' && strspn(text, letters) == strlen(text))
                return 0;
        return err_set(err, -EINVAL, "'%.128s' is not valid, expected a host, or HOST:PORT", text);
}

/* A directory of the host: an absolute path without '..' and without a slash at its end. */
static int check_dir(const char *text, struct err *err)
{
        if (*text == '/' && str_is_subpath(text + 1))
                return 0;
        return err_set(err, -EINVAL, "'%.128s' is not valid, expected a directory such as /etc/cdi",
                       text);
}

const struct option config_options[] = {
        {
                .name = "serve.state_dir",
                .type = OPTION_PATH,
                .def = "",
                .example = "/var/lib/paddock",
                .doc = "Directory that holds everything Paddock keeps; not set: /var/lib/paddock "
                       "for root, $XDG_STATE_HOME/paddock for a user.",
        },
        {
                .name = "serve.socket",
                .type = OPTION_PATH,
                .def = "",
                .example = "/run/paddock/paddock.sock",
                .check = check_socket,
                .doc = "Unix socket for clients; not set: /run/paddock/paddock.sock for root, "
                       "$XDG_RUNTIME_DIR/paddock/paddock.sock for a user.",
        },
        {
                .name = "serve.socket_group",
                .type = OPTION_NAME,
                .def = "paddock",
                .doc = "Group whose members may use the socket of an instance that runs as root.",
        },
        {
                .name = "serve.idle_exit",
                .type = OPTION_MS,
                .def = "0",
                .min = SECOND,
                .max = 30 * DAY,
                .zero = "never",
                .doc = "Leave after this long without client, sandbox or job; a private instance "
                       "that a command started leaves after 5 minutes unless this is set.",
        },
        {
                .name = "log.level",
                .type = OPTION_ENUM,
                .def = "info",
                .choices = levels,
                .reloadable = true,
                .doc = "Least level of the events that are logged.",
        },
        {
                .name = "log.format",
                .type = OPTION_ENUM,
                .def = "logfmt",
                .choices = formats,
                .doc = "Form of a line in the log.",
        },
        {
                .name = "roles.uid_base",
                .type = OPTION_U64,
                .def = "60900",
                .min = 1000,
                .max = 4000000000,
                .doc = "First of the user ids that the roles run as when Paddock runs as root; "
                       "one id a role, none of them used by anything else.",
        },
        {
                .name = "http.listen",
                .type = OPTION_STR,
                .def = "",
                .example = "127.0.0.1:8000",
                .max = 64,
                .check = check_listen,
                .doc = "Address and port for HTTP over TCP; not set: TCP is off. Any address but "
                       "loopback needs TLS or http.behind_proxy.",
        },
        {
                .name = "http.hosts",
                .type = OPTION_LIST,
                .def = "",
                .example = "[paddock.example.org]",
                .max = 253,
                .reloadable = true,
                .doc = "Host names under which TCP clients may ask, besides localhost and the "
                       "address of http.listen.",
        },
        {
                .name = "http.origins",
                .type = OPTION_LIST,
                .def = "",
                .example = "[https://paddock.example.org]",
                .max = 261,
                .check = check_origin,
                .reloadable = true,
                .doc = "Web pages (by origin) that may call the API; every other Origin is "
                       "refused.",
        },
        {
                .name = "http.loopback_user",
                .type = OPTION_NAME,
                .def = "",
                .example = "alice",
                .reloadable = true,
                .doc = "User that every TCP client from this machine is without a token; not "
                       "set: a token is always needed.",
        },
        {
                .name = "http.behind_proxy",
                .type = OPTION_BOOL,
                .def = "false",
                .doc = "A reverse proxy in front speaks TLS, so http.listen may be any address "
                       "without TLS of its own.",
        },
        {
                .name = "http.tls_cert",
                .type = OPTION_PATH,
                .def = "",
                .example = "/etc/paddock/tls.crt",
                .doc = "Certificate chain (PEM) for http.listen.",
        },
        {
                .name = "http.tls_key",
                .type = OPTION_PATH,
                .def = "",
                .example = "/etc/paddock/tls.key",
                .doc = "Private key (PEM) of http.tls_cert.",
        },
        {
                .name = "sandbox.memory_default",
                .type = OPTION_BYTES,
                .def = "512MiB",
                .min = BOX_MEMORY_MIN,
                .max = BOX_BYTES_MAX,
                .reloadable = true,
                .doc = "Memory of a sandbox that does not say how much it needs.",
        },
        {
                .name = "sandbox.memory_max",
                .type = OPTION_BYTES,
                .def = "0",
                .min = BOX_MEMORY_MIN,
                .max = BOX_BYTES_MAX,
                .zero = "no maximum",
                .reloadable = true,
                .doc = "Most memory that a sandbox may ask for.",
        },
        {
                .name = "sandbox.cpu_default",
                .type = OPTION_CORES,
                .def = "0",
                .min = BOX_CPU_MIN,
                .max = BOX_CPU_MAX,
                .zero = "all cores",
                .reloadable = true,
                .doc = "Cores that a sandbox may use when it does not say how many.",
        },
        {
                .name = "sandbox.pids_default",
                .type = OPTION_U64,
                .def = "256",
                .min = 1,
                .max = BOX_PIDS_MAX,
                .reloadable = true,
                .doc = "Processes and threads of a sandbox that does not say how many.",
        },
        {
                .name = "sandbox.ready",
                .type = OPTION_U64,
                .def = "8",
                .min = 0,
                .max = 256,
                .doc = "Sandboxes that wait, made ahead, once the first was asked for; each takes "
                       "half "
                       "a megabyte. 0 makes each when it is wanted.",
        },
        {
                .name = "sandbox.disk_default",
                .type = OPTION_BYTES,
                .def = "256MiB",
                .min = BOX_DISK_MIN,
                .max = BOX_BYTES_MAX,
                .reloadable = true,
                .doc = "Writable space of a sandbox that does not say how much it needs.",
        },
        {
                .name = "sandbox.timeout_default",
                .type = OPTION_MS,
                .def = "1h",
                .min = 1,
                .max = BOX_WALL_MS_MAX,
                .zero = "none",
                .reloadable = true,
                .doc = "Time limit of a sandbox that does not name one.",
        },
        {
                .name = "sandbox.timeout_max",
                .type = OPTION_MS,
                .def = "0",
                .min = SECOND,
                .max = BOX_WALL_MS_MAX,
                .zero = "no maximum",
                .reloadable = true,
                .doc = "Longest time limit that a sandbox may ask for.",
        },
        {
                .name = "routes.define",
                .type = OPTION_LIST,
                .def = "",
                .example = "[intern upstream=https://intern.example secret=intern as=bearer "
                           "allow=GET:/api/*]",
                .reloadable = true,
                .doc = "Routes beside the built-in ones, or keys of these that differ: a name, "
                       "then "
                       "KEY=VALUE; docs/vault.md lists the keys.",
        },
        {
                .name = "routes.prices",
                .type = OPTION_LIST,
                .def = "",
                .example = "[claude-opus-5-5 4 20 5 0.2]",
                .reloadable = true,
                .doc = "What models cost, beside and before the built-in table: the beginning of a "
                       "model's name, then US dollars a million tokens of input, output, cache "
                       "write and cache read.",
        },
        {
                .name = "egress.ca_file",
                .type = OPTION_PATH,
                .def = "",
                .example = "/etc/paddock/ca.pem",
                .doc = "Further certificate authorities (PEM) that upstreams of routes may have "
                       "theirs from.",
        },
        {
                .name = "vault.key",
                .type = OPTION_ENUM,
                .choices = key_modes,
                .def = "file",
                .doc = "Under which key secrets lie on disk: file, made by the vault, protects "
                       "copies of the other files and not against root; credential, handed in by "
                       "the service manager as paddock-vault-key; passphrase, given by 'paddock "
                       "secret unlock' after each start.",
        },
        {
                .name = "egress.private",
                .type = OPTION_LIST,
                .def = "",
                .example = "[10.20.0.0/16, 127.0.0.1]",
                .check = check_network,
                .reloadable = true,
                .doc = "Internal networks that sandboxes may reach all the same, where their "
                       "policy "
                       "allows the host; the host itself and private, link-local and metadata "
                       "addresses are otherwise never reached.",
        },
        {
                .name = "egress.idle",
                .type = OPTION_MS,
                .def = "1h",
                .min = SECOND,
                .max = 30 * DAY,
                .zero = "never",
                .reloadable = true,
                .doc = "A connection of a sandbox through the proxy on which nothing moves for so "
                       "long "
                       "is cut. For routes: key idle= of routes.define.",
        },
        {
                .name = "build.mirrors",
                .type = OPTION_LIST,
                .def = "",
                .example = "[debian=http://deb.debian.org/debian, pip=https://pypi.org/simple]",
                .max = 500,
                .check = check_mirror,
                .reloadable = true,
                .doc = "Where builds of images get packages: NAME=URL, NAME being debian, "
                       "security, pip or npm; not set: as this host does itself, by its apt, pip "
                       "and npm settings.",
        },
        {
                .name = "build.allow",
                .type = OPTION_LIST,
                .def = "",
                .example = "[registry-1.docker.io, auth.docker.io, git.example.org:8443]",
                .max = 261,
                .check = check_host,
                .reloadable = true,
                .doc = "Hosts that builds of images may reach besides the mirrors: HOST or "
                       "HOST:PORT, '*.example.org' for all below it; a recipe chooses among them "
                       "and adds none.",
        },
        {
                .name = "gpu.cdi_dirs",
                .type = OPTION_LIST,
                .def = "/etc/cdi,/var/run/cdi",
                .max = 200,
                .check = check_dir,
                .reloadable = true,
                .doc = "Directories with the CDI files (JSON or YAML) of the devices that "
                       "sandboxes "
                       "may ask for by --gpu; read at the start and at each reload.",
        },
        {
                .name = "gpu.paths",
                .type = OPTION_LIST,
                .def = "/usr/lib,/usr/lib64,/usr/bin,/usr/share,/lib,/lib64,/etc/vulkan,"
                       "/etc/OpenCL",
                .max = 200,
                .check = check_dir,
                .reloadable = true,
                .doc = "Directories of this host that files of a CDI device may come from; a CDI "
                       "file that names another one is refused.",
        },
        {
                .name = "gpu.drivers",
                .type = OPTION_LIST,
                .def = "nvidia,nvidia-frontend,nvidiactl,nvidia-modeset,nvidia-uvm,nvidia-caps,"
                       "nvidia-nvswitch,drm,kfd,accel",
                .max = 64,
                .reloadable = true,
                .doc = "Drivers, by their names in /proc/devices, whose device nodes a CDI file "
                       "may "
                       "give to a sandbox.",
        },
        {
                .name = "gpu.shared",
                .type = OPTION_BOOL,
                .def = "false",
                .reloadable = true,
                .doc = "Give one device to several sandboxes at a time; the driver is then all "
                       "that "
                       "keeps their memory apart.",
        },
        {
                .name = "limits.running",
                .type = OPTION_U64,
                .def = "0",
                .min = 1,
                .max = 100000,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Sandboxes of all owners together that run at once; one more waits.",
        },
        {
                .name = "limits.memory",
                .type = OPTION_BYTES,
                .def = "0",
                .min = BOX_MEMORY_MIN,
                .max = BOX_BYTES_MAX,
                .zero = "what this machine, or its container, has less an eighth and at least "
                        "512 MiB",
                .reloadable = true,
                .doc = "Sum of the memory limits of the sandboxes and templates of all owners "
                       "together.",
        },
        {
                .name = "limits.disk",
                .type = OPTION_BYTES,
                .def = "0",
                .min = BOX_DISK_MIN,
                .max = BOX_BYTES_MAX,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Sum of the disk limits of the sandboxes of all owners together.",
        },
        {
                .name = "limits.cpu",
                .type = OPTION_CORES,
                .def = "0",
                .min = BOX_CPU_MIN,
                .max = BOX_CPU_MAX,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Sum of the cores of the sandboxes of all owners together; one without a "
                       "limit counts as none.",
        },
        {
                .name = "limits.owner_running",
                .type = OPTION_U64,
                .def = "0",
                .min = 1,
                .max = 100000,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Sandboxes of one owner that run at once; one more waits.",
        },
        {
                .name = "limits.owner_memory",
                .type = OPTION_BYTES,
                .def = "0",
                .min = BOX_MEMORY_MIN,
                .max = BOX_BYTES_MAX,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Sum of the memory limits of the sandboxes of one owner.",
        },
        {
                .name = "limits.owner_disk",
                .type = OPTION_BYTES,
                .def = "0",
                .min = BOX_DISK_MIN,
                .max = BOX_BYTES_MAX,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Sum of the disk limits of the sandboxes of one owner.",
        },
        {
                .name = "limits.owner_cpu",
                .type = OPTION_CORES,
                .def = "0",
                .min = BOX_CPU_MIN,
                .max = BOX_CPU_MAX,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Sum of the cores of the sandboxes of one owner; one without a limit counts "
                       "as none.",
        },
        {
                .name = "limits.owner_jobs",
                .type = OPTION_U64,
                .def = "1000",
                .min = 1,
                .max = 100000,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Ended jobs of one owner that are kept, of 2000 in all.",
        },
        {
                .name = "limits.owner_connections",
                .type = OPTION_U64,
                .def = "512",
                .min = 8,
                .max = 1024,
                .zero = "no limit",
                .doc = "Connections to the Unix socket that one user may have, of 1024 in all.",
        },
        {
                .name = "limits.owner_creates",
                .type = OPTION_U64,
                .def = "0",
                .min = 1,
                .max = 100000,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Sandboxes that one owner may ask for in a second.",
        },
        {
                .name = "limits.owner_waiting",
                .type = OPTION_U64,
                .def = "64",
                .min = 1,
                .max = 1000,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Sandboxes of one owner that may wait for room.",
        },
        {
                .name = "templates.memory",
                .type = OPTION_BYTES,
                .def = "1GiB",
                .min = BOX_MEMORY_MIN,
                .max = BOX_BYTES_MAX,
                .zero = "no limit",
                .reloadable = true,
                .doc = "Sum of the memory limits of the warm processes of templates of all owners; "
                       "the one that was used longest ago makes room for another.",
        },
        {
                .name = "limits.queue_time",
                .type = OPTION_MS,
                .def = "30s",
                .min = 1,
                .max = 10 * 60 * SECOND,
                .reloadable = true,
                .doc = "Longest wait for room; then the answer is to try later.",
        },
};
const size_t config_options_n = ARRAY_LEN(config_options);

const struct option *config_find(const char *name)
{
        for (size_t i = 0; i < config_options_n; i++)
                if (str_eq(config_options[i].name, name))
                        return &config_options[i];
        return NULL;
}
