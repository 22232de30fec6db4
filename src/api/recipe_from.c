/* recipe_from.c - what an image begins with. */
#include "api/recipe_impl.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

/* ---- from ---- */

int recipe_from(const json_t *j, struct recipe *ret, struct err *err)
{
        const char *from = json_string_value(json_object_get(j, "from"));
        from = from ? from : "host";
        if (str_eq(from, "host"))
                ret->host = true;
        else if (str_starts(from, "image:") && str_is_name(from + 6))
                snprintf(ret->base, sizeof ret->base, "%s", from + 6);
        else if (!(str_starts(from, "debian:") && str_is_name(from + 7)) &&
                 !(str_starts(from, "oci:") && recipe_is_word(from + 4)))
                return err_set(err, -EINVAL,
                               "from: expected host, debian:SUITE, image:NAME or oci:REFERENCE");
        return 0;
}

/* The root of the namespace has the capabilities of installing, no mount and no mknod: those steps
 * are skipped. Whoever the command runs as has to have a name. */
static const char debian_script[] =
        "which mmdebstrap >/dev/null || { echo 'the host has no mmdebstrap (apt install "
        "mmdebstrap)' >&2; exit 1; }\n"
        "mmdebstrap --mode=root --variant=minbase --format=directory "
        "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg "
        "--skip=check/canmount,check/qemu,chroot/mount,output/dev,output/mknod "
        "--aptopt='APT::Sandbox::User \"root\"' --aptopt='Acquire::Retries \"3\"' "
        "--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' "
        "--dpkgopt='path-exclude=/usr/share/locale/*' "
        "--customize-hook='echo user:x:1000:1000:user:/work:/bin/sh >> \"$1/etc/passwd\"; "
        "echo user:x:1000: >> \"$1/etc/group\"; rm -f \"$1/etc/resolv.conf\" "
        "\"$1/etc/hostname\" \"$1/etc/apt/apt.conf.d/99mmdebstrap\"; rm -rf \"$1\"/dev/*' ";

static int debian_step(struct recipe *r, const char *suite, struct err *err)
{
        char title[100];
        const char *main = r->mirrors[MIRROR_DEBIAN], *security = r->mirrors[MIRROR_SECURITY];
        if (!*main)
                return err_set(err, -EPERM,
                               "from: builds here have no mirror of Debian (build.mirrors)");
        snprintf(title, sizeof title, "from debian %s", suite);
        struct recipe_step *s = recipe_add(r, title);
        auto_free char *more =
                *security ? xasprintf(" 'deb %s %s-security main'", security, suite) : xstrdup("");
        s->script = xasprintf("%s'%s' /target 'deb %s %s main' 'deb %s %s-updates main'%s\n",
                              debian_script, suite, main, suite, main, suite, more);
        s->from = "target";
        s->network = s->on_host = true;
        return 0;
}

#define OCI_TOOLS                                                                                  \
        "which skopeo umoci >/dev/null || { echo 'the host has no skopeo and umoci (apt install "  \
        "skopeo umoci)' >&2; exit 1; }\nexport HOME=/tmp SSL_CERT_FILE=/.paddock/ca.crt\n"

static int oci_step(struct recipe *r, const char *ref)
{
        char title[300];
        snprintf(title, sizeof title, "what %s says", ref);
        struct recipe_step *s = recipe_add(r, title);
        s->script = xasprintf(OCI_TOOLS "skopeo --tmpdir /tmp inspect --config '%s'\n", ref);
        s->from = "";
        s->network = s->on_host = s->tells = s->no_layer = s->passing = true;
        snprintf(title, sizeof title, "from %s", ref);
        s = recipe_add(r, title);
        s->script = xasprintf(
                OCI_TOOLS "skopeo --insecure-policy --tmpdir /tmp copy '%s' oci:/tmp/image:it\n"
                          "umoci raw unpack --rootless --image /tmp/image:it /target\n"
                          "grep -q '^[^:]*:[^:]*:1000:' /target/etc/passwd 2>/dev/null || { mkdir "
                          "-p /target/etc; "
                          "echo user:x:1000:1000:user:/work:/bin/sh >> /target/etc/passwd; }\n",
                ref);
        s->from = "target";
        s->network = s->on_host = true;
        return 0;
}

int recipe_base_step(struct recipe *r, const json_t *j, struct err *err)
{
        const char *from = json_string_value(json_object_get(j, "from"));
        if (r->host || r->base[0])
                return 0;
        return str_starts(from, "oci:") ? oci_step(r, from + 4) : debian_step(r, from + 7, err);
}
