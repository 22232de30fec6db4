/* escape - tries to get out. A static program that is run inside a sandbox as its command and
 * prints TAP; the numbers are those of the list of escapes in docs/THREATS.md. "ok" means: closed.
 *
 *     escape [PROFILE]  everything that one sandbox can try alone; run, image, build, proxy, files
 *     escape hold       makes what another sandbox must not find, prints "held", waits
 *     escape find       looks for it
 *     escape memory X   takes memory of kind X without end
 */
#include "escape.h"
#include <sys/stat.h>

char why[1024];
enum profile profile;

long nothing(long r)
{
        return r < 0 ? -errno : r;
}

int refused(long r)
{
        return r == -EPERM || r == -ENOSYS || r == -EACCES;
}

bool opens(const char *path, int flags)
{
        int fd = open(path, flags | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

long read_file(const char *path, char *to, size_t size)
{
        int fd = open(path, O_RDONLY);
        if (fd < 0)
                return -errno;
        long n = nothing(read(fd, to, size - 1));
        close(fd);
        to[n < 0 ? 0 : n] = 0;
        return n;
}

const char *same_root(const char *path)
{
        struct stat root, st;
        if (stat("/", &root) < 0 || stat(path, &st) < 0)
                return NULL; /* not to be had at all */
        if (st.st_dev != root.st_dev || st.st_ino != root.st_ino)
                return OPEN("%s leads elsewhere", path);
        return NULL;
}

static const char *descriptors(void)
{
        for (int fd = 3; fd < 1024; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        return OPEN("descriptor %d is open", fd);
        for (int fd = 0; fd < 3; fd++) {
                struct stat st;
                if (fstat(fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
                        return OPEN("descriptor %d is no pipe", fd);
        }
        return NULL;
}

static const struct escape first[] = {{35, "no descriptor but stdio", descriptors},
                                      {0, NULL, NULL}};
/* The first looks before the others leave descriptors open. */
static const struct escape *const all[] = {first,        file_escapes,  process_escapes,
                                           call_escapes, class_escapes, resource_escapes};

static int line(int number, const char *name, const char *r)
{
        printf("%s %d - %s%s%s\n", r ? "not ok" : "ok", number, name, r ? ": " : "", r ? r : "");
        return r != NULL;
}

static int try_all(void)
{
        int doors = 0, n = 0;
        setvbuf(stdout, NULL, _IOLBF, 0);
        for (size_t i = 0; i < COUNT(all); i++)
                for (const struct escape *e = all[i]; e->fn; e++, n++)
                        doors += line(e->number, e->name, e->fn());
        printf("1..%d\n", n);
        return doors != 0;
}

static int confined(void)
{
        const char *r = capabilities();
        if (!r)
                r = new_namespaces();
        return r != NULL;
}

int main(int argc, char **argv)
{
        static const char *const profiles[] = {"run", "image", "build", "proxy", "files"};
        const char *verb = argc > 1 ? argv[1] : "run", *which = argc > 2 ? argv[2] : verb;
        if (access("/.paddock", F_OK) < 0) {
                fputs("escape: this tries dangerous calls; it runs in a sandbox only\n", stderr);
                return 2;
        }
        for (size_t i = 0; i < COUNT(profiles); i++)
                if (strcmp(which, profiles[i]) == 0)
                        profile = (enum profile)i;
        if (strcmp(verb, "hold") == 0)
                return hold();
        if (strcmp(verb, "confined") == 0)
                return confined();
        if (strcmp(verb, "memory") == 0)
                return take_memory(which);
        if (strcmp(verb, "find") == 0)
                return line(36, "two sandboxes find nothing of each other", other_sandbox());
        return try_all();
}
