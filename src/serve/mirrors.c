#include "serve/mirrors.h"
#include "base/fd.h"
#include "base/str.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_MAX (1u << 20)

/* One that a request may carry on: no user and password in it, no list, no quoting. */
static bool is_plain(const char *url)
{
        return (str_starts(url, "http://") || str_starts(url, "https://")) &&
               !strpbrk(url, "@,'\"\\ ");
}

static void note_uri(struct mirrors *to, const char *uri, size_t n)
{
        char text[MIRROR_MAX], *end;
        if (n >= sizeof text)
                return;
        snprintf(text, sizeof text, "%.*s", (int)n, uri);
        end = text + strlen(text);
        while (end > text && end[-1] == '/')
                *--end = 0;
        bool security = strstr(text, "security") != NULL;
        if (!is_plain(text) || (!security && !str_ends(text, "/debian")))
                return; /* of a vendor: not where Debian comes from */
        char *into = security ? to->security : to->debian;
        if (!*into)
                memcpy(into, text, sizeof text);
}

/* "URIs: http://a http://b" and "deb [options] http://a suite component". */
static void read_line(struct mirrors *to, const char *line, size_t n)
{
        bool old = n > 4 && strncmp(line, "deb ", 4) == 0;
        if (!old && !(n > 5 && strncasecmp(line, "URIs:", 5) == 0))
                return;
        for (size_t i = 4; i < n;) {
                size_t from = i;
                while (i < n && line[i] != ' ' && line[i] != '\t')
                        i++;
                if (i > from)
                        note_uri(to, line + from, i - from);
                i++;
        }
}

void mirrors_read_apt(struct mirrors *to, const char *text)
{
        while (*text) {
                size_t n = strcspn(text, "\n");
                if (*text != '#')
                        read_line(to, text, n);
                text += n + (text[n] == '\n');
        }
}

void mirrors_read_ini(const char *text, const char *key, char *ret, size_t size)
{
        size_t len = strlen(key);
        *ret = 0;
        while (*text) {
                size_t n = strcspn(text, "\n"), skip = strspn(text, " \t");
                const char *p = text + skip;
                if (skip < n && strncmp(p, key, len) == 0) {
                        p += len + strspn(p + len, " \t");
                        if (*p == '=') {
                                p += 1 + strspn(p + 1, " \t");
                                snprintf(ret, size, "%.*s", (int)strcspn(p, " \t\r\n"), p);
                        }
                }
                text += n + (text[n] == '\n');
        }
}

static const char *read_file(struct buf *b, const char *path)
{
        buf_init(b, FILE_MAX);
        return file_read_at(AT_FDCWD, path, b) < 0 ? "" : buf_text(b);
}

static void read_apt_file(struct mirrors *to, const char *path)
{
        CLEANUP(buf_done) struct buf b;
        mirrors_read_apt(to, read_file(&b, path));
}

static void read_apt(struct mirrors *to)
{
        char path[600];
        DIR *d = opendir("/etc/apt/sources.list.d");
        read_apt_file(to, "/etc/apt/sources.list");
        for (struct dirent *e; d && (e = readdir(d));) {
                if (!str_ends(e->d_name, ".sources") && !str_ends(e->d_name, ".list"))
                        continue;
                snprintf(path, sizeof path, "/etc/apt/sources.list.d/%s", e->d_name);
                read_apt_file(to, path);
        }
        if (d)
                closedir(d);
}

/* The environment first, then the user's file, then the host's. */
static void read_one(char ret[MIRROR_MAX], const char *const *vars, const char *home,
                     const char *whole, const char *key, const char *otherwise)
{
        char value[MIRROR_MAX] = "", path[600];
        const char *h = getenv("HOME");
        for (; *vars && !*value; vars++)
                snprintf(value, sizeof value, "%s", getenv(*vars) ? getenv(*vars) : "");
        if (!*value && h) {
                CLEANUP(buf_done) struct buf b;
                snprintf(path, sizeof path, "%s/%s", h, home);
                mirrors_read_ini(read_file(&b, path), key, value, sizeof value);
        }
        if (!*value) {
                CLEANUP(buf_done) struct buf b;
                mirrors_read_ini(read_file(&b, whole), key, value, sizeof value);
        }
        snprintf(ret, MIRROR_MAX, "%s", is_plain(value) ? value : otherwise);
}

void mirrors_of_host(struct mirrors *ret)
{
        static const char *const pip[] = {"PIP_INDEX_URL", NULL};
        static const char *const npm[] = {"npm_config_registry", "NPM_CONFIG_REGISTRY", NULL};
        *ret = (struct mirrors){.debian = ""};
        read_apt(ret);
        if (!*ret->debian)
                snprintf(ret->debian, MIRROR_MAX, "http://deb.debian.org/debian");
        read_one(ret->pip, pip, ".config/pip/pip.conf", "/etc/pip.conf", "index-url",
                 "https://pypi.org/simple");
        read_one(ret->npm, npm, ".npmrc", "/etc/npmrc", "registry", "https://registry.npmjs.org/");
}

void mirrors_text(const struct mirrors *m, char *ret, size_t size)
{
        snprintf(ret, size, "debian=%s,pip=%s,npm=%s%s%s", m->debian, m->pip, m->npm,
                 *m->security ? ",security=" : "", m->security);
}

void host_usr_text(char *ret, size_t size)
{
        static const char *const files[] = {"/var/lib/dpkg/status", "/etc/os-release",
                                            "/etc/ld.so.cache"};
        size_t n = (size_t)snprintf(ret, size, "host");
        for (size_t i = 0; i < ARRAY_LEN(files) && n < size; i++) {
                struct stat st = {0};
                if (stat(files[i], &st) == 0)
                        n += (size_t)snprintf(ret + n, size - n, " %lld.%09ld/%lld",
                                              (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                                              (long long)st.st_size);
        }
}
