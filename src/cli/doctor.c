#include "cli/doctor.h"
#include "cli/command.h"
#include "cli/out.h"

const struct check doctor_checks[] = {
        {"user namespaces", NEEDED, probe_user_ns, "No sandbox can be made.",
         "sysctl kernel.unprivileged_userns_clone=1 (or the setting of your distribution's "
         "AppArmor)"},
        {"mount, pid, net, ipc, uts, cgroup namespaces", NEEDED, probe_other_ns,
         "No sandbox can be made.", "a kernel with CONFIG_NAMESPACES and all of its parts"},
        {"room for user namespaces", NEEDED, probe_max_user_ns, "No sandbox can be made.",
         "sysctl user.max_user_namespaces=10000"},
        {"/proc in a sandbox", NEEDED, probe_proc_mount,
         "Sandboxes cannot have a /proc of their own.",
         "outside of another container, or in one whose /proc is not masked"},
        {"new mount API", NEEDED, probe_mount_api, "The file system of a sandbox cannot be built.",
         "Linux 5.2 or later"},
        {"openat2", NEEDED, probe_openat2, "Paths inside volumes cannot be opened safely.",
         "Linux 5.6 or later"},
        {"clone3", NEEDED, probe_clone3, "Sandboxes cannot be started.", "Linux 5.3 or later"},
        {"pidfd", NEEDED, probe_pidfd, "Sandboxes cannot be watched without races.",
         "Linux 5.3 or later"},
        {"seccomp filters", NEEDED, probe_seccomp, "System calls cannot be filtered.",
         "a kernel with CONFIG_SECCOMP_FILTER"},
        {"sealed memory files", NEEDED, probe_memfd, "Commands cannot be handed to a sandbox.",
         "Linux 3.17 or later"},
        {"Landlock", WANTED, probe_landlock,
         "The second, independent layer over the file system is not in force.",
         "Linux 5.13 or later with landlock in the lsm= list"},
        {"overlay file system", WANTED, probe_overlay,
         "A sandbox's system directories are read-only, not writable copies.",
         "Linux 5.11 or later for users, any for root"},
        {"idmapped mounts", WANTED, probe_idmap,
         "Volumes of a server that runs as root keep the owner's ids.", "Linux 6.3 or later"},
        {"cgroup: memory", WANTED, probe_cgroup_memory, "Memory limits are best effort.",
         "run as root, or under a systemd unit with Delegate=yes"},
        {"cgroup: cpu", WANTED, probe_cgroup_cpu, "CPU limits are best effort.",
         "run as root, or under a systemd unit with Delegate=yes"},
        {"cgroup: pids", WANTED, probe_cgroup_pids, "Process limits are best effort.",
         "run as root, or under a systemd unit with Delegate=yes"},
        {"open files", WANTED, probe_files, "Fewer sandboxes can run at the same time.",
         "ulimit -n 65536, or LimitNOFILE= in the unit"},
        {"processes", WANTED, probe_pids, "Fewer sandboxes can run at the same time.",
         "sysctl kernel.pid_max=4194304"},
        {"SQLite with FTS5", NEEDED, probe_fts5, "Documents cannot be indexed or searched.",
         "package libsqlite3-0"},
        {"pdftotext", WANTED, probe_pdftotext, "PDF documents are reported, not indexed.",
         "package poppler-utils"},
        {"python3", WANTED, probe_python, "Sandboxes of image host have no Python.",
         "package python3"},
        {"loop devices", WANTED, probe_loop,
         "Quotas of volumes and disk limits above 512 MiB are watched, not held.",
         "run as root, with package e2fsprogs and the kernel's loop driver"},
        {"runsc", WANTED, probe_runsc, "Sandboxes cannot have --driver runsc.", "package runsc"},
        {"disk space", WANTED, probe_disk, "Documents and indexes may not fit.",
         "free some, or set serve.state_dir to another disk"},
        {"clock", WANTED, probe_clock, "Times, expiry of tokens and TLS may be wrong.",
         "a time service such as systemd-timesyncd"},
        {"directory of the socket", NEEDED, probe_socket, "No server of yours can be reached.",
         "set XDG_RUNTIME_DIR or HOME, or PADDOCK_SOCKET to a shorter path"},
};
const size_t doctor_checks_n = ARRAY_LEN(doctor_checks);

static const char *finding_text(enum finding f)
{
        return f == FOUND ? "ok" : f == WEAK ? "weak" : "missing";
}

static void add_json(json_t *list, const struct check *c, enum finding f, const char *detail)
{
        json_t *o = json_pack("{s:s,s:s,s:b}", "name", c->name, "state", finding_text(f), "needed",
                              c->weight == NEEDED);
        json_object_set_new(o, "detail", json_str_lossy(detail, strlen(detail)));
        if (f != FOUND) {
                json_object_set_new(o, "lost", json_string(c->lost));
                json_object_set_new(o, "get", json_string(c->get));
        }
        json_array_append_new(list, o);
}

static void print_check(const struct check *c, enum finding f, const char *detail)
{
        printf("%-8s %-46s %s\n", finding_text(f), c->name, detail);
        if (f == FOUND)
                return;
        printf("%9sLost: %s\n", "", c->lost);
        printf("%9sGet it: %s\n", "", c->get);
}

static int run(struct invocation *inv)
{
        auto_json json_t *list = json_array();
        unsigned missing = 0, less = 0;
        for (size_t i = 0; i < doctor_checks_n; i++) {
                const struct check *c = &doctor_checks[i];
                char detail[DETAIL_MAX] = "";
                enum finding f = c->probe(detail);
                missing += f == MISSING && c->weight == NEEDED;
                less += f == WEAK || (f == MISSING && c->weight == WANTED);
                if (inv->json)
                        add_json(list, c, f, detail);
                else
                        print_check(c, f, detail);
        }
        if (inv->json) {
                auto_json json_t *answer =
                        json_pack("{s:b,s:O}", "ok", missing == 0, "checks", list);
                out_json(answer);
        } else if (missing) {
                printf("\nThe main job cannot run here: %u needed things are missing.\n", missing);
        } else {
                printf("\nThe main job can run here%s\n",
                       less ? ", with less than it could." : ".");
        }
        return missing ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_doctor = {
        .name = "doctor",
        .operands = "",
        .summary = "Try every kernel feature, limit and program that Paddock uses.",
        .details = "For each: whether it is there, what is lost without it, and how to get it. "
                   "Needs no server and changes nothing. The exit code is 1 when the main job "
                   "cannot run.",
        .run = run,
};
