/* Sandboxes with images of layers: builds, commits, what an image may not do. */
#include "box_fixture.h"
#include "box/image.h"
#include "box/layer.h"
#include "os/caps.h"

static char key_of[65];
static const char *key(char digit)
{
        memset(key_of, digit, 64);
        return key_of;
}

static struct launch_spec build_spec(const char *image)
{
        struct launch_spec s = fx_spec();
        s.profile = BOX_BUILD;
        snprintf(s.image, sizeof s.image, "%s", image);
        return s;
}

static void add_layer(struct launch_spec *s, const char *k)
{
        snprintf(s->layers[s->n_layers++].key, sizeof s->layers[0].key, "%s", k);
}

static struct launch_layer answered_layer;
static uint32_t verb_asked;
static void on_layer(void *ctx, const struct peer_answer *a)
{
        struct fixture *f = ctx;
        f->answered = !a->more;
        f->status = a->status;
        snprintf(f->error, sizeof f->error, "%s", a->status < 0 ? err_text(a->err) : "");
        bool is_layer = verb_asked != LAUNCH_LAYER_REMOVE; /* that one answers with nothing */
        if (a->status == 0 && is_layer && (a->more || f->listed == 0))
                answered_layer = *(const struct launch_layer *)a->rep;
        f->listed += a->status == 0 && a->more;
}

static int layer_call(struct fixture *f, uint32_t verb, const void *req)
{
        f->answered = false;
        f->listed = 0;
        verb_asked = verb;
        peer_call(f->asker, verb, req, NULL, 0, on_layer, f);
        fx_pump(f, &f->answered);
        return f->status;
}

static int commit(struct fixture *f, const char *id, const char *k, const char *from)
{
        struct launch_layer_commit c = {0};
        snprintf(c.id, sizeof c.id, "%s", id);
        snprintf(c.key, sizeof c.key, "%s", k);
        snprintf(c.from, sizeof c.from, "%s", from);
        return layer_call(f, LAUNCH_LAYER_COMMIT, &c);
}

static int have(struct fixture *f, const char *k)
{
        struct launch_layer l = {0};
        snprintf(l.key, sizeof l.key, "%s", k);
        return layer_call(f, LAUNCH_LAYER_HAVE, &l);
}

static int forget(struct fixture *f, const char *id)
{
        struct launch_id q = {0};
        snprintf(q.id, sizeof q.id, "%s", id);
        f->answered = false;
        peer_call(f->asker, LAUNCH_FORGET, &q, NULL, 0, fx_answer, f);
        fx_pump(f, &f->answered);
        return f->status;
}

static void must_exit_0(const struct outcome *o)
{
        if (o->result.reason != BOX_EXITED || o->result.exit_code != 0)
                test_failed(__FILE__, __LINE__, "%s %u: %s%s", launch_reason_text(o->result.reason),
                            o->result.exit_code, o->out, o->err);
}

/* A layer made by a script on top of what is below. */
static void build(struct fixture *f, struct launch_spec *s, const char *script, const char *k,
                  const char *from)
{
        struct outcome *o = fx_sh_spec(f, s, script);
        must_exit_0(o);
        free(o);
        if (commit(f, s->id, k, from) < 0)
                test_failed(__FILE__, __LINE__, "commit: %s", f->error);
        CHECK_INT(forget(f, s->id), ==, 0);
}

static void host_layers(bool rootful)
{
        struct fixture *f = rootful ? fx_new() : fx_new_with(false, true);
        struct launch_spec s = build_spec("host");
        build(f, &s, "mkdir -p /opt/a && echo one > /opt/a/one && echo two > /opt/two", key('a'),
              "");
        s = build_spec("host");
        add_layer(&s, key('a'));
        build(f, &s, "rm /opt/two && echo three > /opt/a/three", key('b'), "");
        s = fx_spec();
        add_layer(&s, key('a'));
        add_layer(&s, key('b'));
        struct outcome *o =
                fx_sh_spec(f, &s,
                           "cat /opt/a/one /opt/a/three; ls /opt; echo x > /work/x; id -u;"
                           "touch /usr/x 2>&1; touch /etc/x 2>&1; python3 -V >&2; true");
        must_exit_0(o);
        CHECK(strstr(o->out, "one\nthree\na\n1000\n"));
        CHECK_INT(o->created.enforcement.capabilities, ==, 0);
        CHECK_STR(o->created.enforcement.disk, "tmpfs");
        CHECK(strstr(o->out, "/usr/x"));
        CHECK(strstr(o->out, "/etc/x"));
        free(o);
        CHECK_INT(have(f, key('a')), ==, 0);
        CHECK_INT(answered_layer.size_bytes, >, 0);
        CHECK_INT(have(f, key('c')), ==, -ENOENT);
        CHECK_INT(layer_call(f, LAUNCH_LAYER_LIST, &(struct launch_empty){0}), ==, 0);
        CHECK_INT(f->listed, ==, 2);
        fx_free(f);
}

TEST(image_host_with_layers)
{
        host_layers(true);
}
TEST(image_host_with_layers_of_an_ordinary_user)
{
        host_layers(false);
}

TEST(image_build_is_root_inside_with_the_package_profile_and_no_more)
{
        struct fixture *f = fx_new();
        struct launch_spec s = build_spec("host");
        struct outcome *o = fx_sh_spec(
                f, &s,
                "id -u; mkdir -p /r/bin && chown 7:7 /r && stat -c %u /r && /usr/sbin/chroot / "
                "/bin/true &&"
                " echo chroot; mknod /r/n c 1 3 2>/dev/null || echo no-node;"
                " mount -t tmpfs x /mnt 2>/dev/null || echo no-mount;"
                " setpriv --reuid 33 --clear-groups id -u; cat /etc/shadow 2>&1 | head -c0;"
                " wc -c < /.paddock/ca.crt | grep -qv '^0$' && echo ca");
        must_exit_0(o);
        CHECK_STR(o->out, "0\n7\nchroot\nno-node\nno-mount\n33\nca\n");
        CHECK_INT(o->created.enforcement.capabilities, ==, CAPS_BUILD);
        CHECK_STR(o->created.enforcement.disk, "watched");
        CHECK_INT(o->created.enforcement.disk_limit, ==, 0);
        free(o);
        fx_free(f);
}

/* A root of its own: busybox-like, from the host's files. */
static const char make_tree[] =
        "mkdir -p /t/usr/bin /t/usr/lib /t/etc && for p in sh ls cat id stat; do cp -L /bin/$p "
        "/t/usr/bin/; done && cp -L --parents $(ldd /bin/sh /bin/ls /bin/cat /bin/id /bin/stat | "
        "grep -o '/lib[^ ]*' | sort -u) /t/usr/ 2>/dev/null; cd /t && ln -s usr/bin bin && "
        "ln -s usr/lib lib && mkdir -p usr/lib64 && ln -s usr/lib64 lib64 && "
        "echo mine > etc/own && echo bad > etc/resolv.conf && chmod 4755 usr/bin/id";

TEST(image_with_a_root_of_its_own)
{
        struct fixture *f = fx_new();
        struct launch_spec s = build_spec("host");
        build(f, &s, make_tree, key('a'), "t");
        s = fx_spec();
        snprintf(s.image, sizeof s.image, "mine");
        add_layer(&s, key('a'));
        struct outcome *o = fx_sh_spec(
                f, &s,
                "cat /etc/own /etc/resolv.conf /etc/hosts; stat -c %a /usr/bin/id; id -u;"
                "ls /etc; stat -c %u:%F /proc /dev/null /etc/own; test -e /t || echo no-t");
        must_exit_0(o);
        CHECK_STR(o->out, "mine\n127.0.0.1 localhost\n::1 localhost\n755\n1000\nhosts\nown\n"
                          "resolv.conf\n65534:directory\n65534:character special file\n"
                          "0:regular file\nno-t\n");
        free(o);
        fx_free(f);
}

TEST(image_that_has_a_link_where_the_system_goes_is_no_layer)
{
        struct fixture *f = fx_new();
        static const char *const scripts[] = {
                "mkdir /t && ln -s /work /t/proc", "mkdir /t && ln -s / /t/dev",
                "mkdir /t && touch /t/sys", "mkdir /t && ln -s /etc /t/.paddock"};
        for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
                struct launch_spec s = build_spec("host");
                struct outcome *o = fx_sh_spec(f, &s, scripts[i]);
                must_exit_0(o);
                free(o);
                CHECK_INT(commit(f, s.id, key('a'), "t"), ==, -EINVAL);
                CHECK_INT(have(f, key('a')), ==, -ENOENT);
        }
        fx_free(f);
}

TEST(image_link_at_the_target_of_a_volume_is_refused)
{
        struct fixture *f = fx_new();
        struct launch_spec s = build_spec("host");
        build(f, &s, "ln -s /etc /data; mkdir /a; ln -s /usr /a/b", key('a'), "");
        static const char *const targets[] = {"/data", "/data/x", "/a/b/c"};
        struct launch_id v = {0};
        snprintf(v.id, sizeof v.id, "%s", id_new().s);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_CREATE, &v, NULL, 0), ==, 0);
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
                const char *const argv[] = {"/bin/true", NULL};
                s = fx_spec();
                add_layer(&s, key('a'));
                s.n_mounts = 1;
                memcpy(s.mounts[0].volume, v.id, sizeof v.id);
                snprintf(s.mounts[0].target, sizeof s.mounts[0].target, "%s", targets[i]);
                CHECK_INT(fx_create(f, &s, argv), <, 0);
        }
        fx_settle(f, 100);
        fx_free(f);
}

TEST(image_layer_in_use_is_not_removed)
{
        struct fixture *f = fx_new();
        const char *const argv[] = {"/bin/sleep", "100", NULL};
        struct launch_layer l = {0};
        struct launch_spec s = build_spec("host");
        build(f, &s, "echo > /opt/x", key('a'), "");
        s = fx_spec();
        add_layer(&s, key('a'));
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        snprintf(l.key, sizeof l.key, "%s", key('a'));
        CHECK_INT(layer_call(f, LAUNCH_LAYER_REMOVE, &l), ==, -EBUSY);
        CHECK_INT(have(f, key('a')), ==, 0);
        struct launch_stop stop = {.grace_ms = 0};
        memcpy(stop.id, s.id, sizeof s.id);
        CHECK_INT(fx_call(f, LAUNCH_STOP, &stop, NULL, 0), ==, 0);
        fx_pump(f, &f->exited);
        CHECK_INT(layer_call(f, LAUNCH_LAYER_REMOVE, &l), ==, 0);
        CHECK_INT(have(f, key('a')), ==, -ENOENT);
        fx_free(f);
}

TEST(image_build_that_failed_is_no_layer_and_leaves_nothing)
{
        struct fixture *f = fx_new();
        struct launch_spec s = build_spec("host");
        free(fx_sh_spec(f, &s, "echo > /opt/x; exit 1"));
        CHECK_INT(commit(f, s.id, key('a'), ""), ==, -EINVAL);
        CHECK_INT(forget(f, s.id), ==, 0);
        fx_settle(f, 200);
        char path[96];
        snprintf(path, sizeof path, "uppers/%s", s.id);
        CHECK_INT(faccessat(f->state_fd, path, F_OK, 0), <, 0);
        fx_free(f);
}

TEST(image_that_is_not_there_is_said)
{
        struct fixture *f = fx_new();
        const char *const argv[] = {"/bin/true", NULL};
        struct launch_spec s = fx_spec();
        add_layer(&s, key('f'));
        CHECK_INT(fx_create(f, &s, argv), ==, -ENOENT);
        CHECK(strstr(f->error, "no layer ffffffffffff"));
        fx_free(f);
}

/* As on a kernel that takes no detached mounts as layers. */
TEST(image_on_an_older_kernel)
{
        struct fixture *f = fx_new();
        struct launch_spec s;
        CHECK_INT(mkdirat(f->host->tree, "stage", 0700), ==, 0);
        f->host->stage = dir_open_at(f->host->tree, "stage");
        s = build_spec("host");
        build(f, &s, "echo one > /opt/one", key('a'), "");
        s = build_spec("host");
        add_layer(&s, key('a'));
        build(f, &s, "echo two >> /opt/one", key('b'), "");
        s = fx_spec();
        add_layer(&s, key('a'));
        add_layer(&s, key('b'));
        struct outcome *o = fx_sh_spec(f, &s, "cat /opt/one; echo x > /tmp/x && cat /tmp/x");
        must_exit_0(o);
        CHECK_STR(o->out, "one\ntwo\nx\n");
        free(o);
        fx_free(f);
}

TEST(image_of_sixty_four_layers)
{
        struct fixture *f = fx_new();
        struct launch_spec s = build_spec("host"), all = fx_spec();
        build(f, &s, "echo 0 > /opt/f0", key('0'), "");
        for (int i = 0; i < BOX_LAYERS_MAX; i++) {
                char to[80];
                snprintf(to, sizeof to, "layers/%064x", i + 1);
                add_layer(&all, to + 7);
                CHECK_INT(mkdirat(f->state_fd, to, 0755), ==, 0);
                snprintf(to + 71, sizeof to - 71, "/fs");
                CHECK_INT(mkdirat(f->state_fd, to, 0755), ==, 0);
        }
        struct outcome *o = fx_sh_spec(f, &all, "ls -d /opt");
        must_exit_0(o);
        free(o);
        fx_free(f);
}

/* launch is killed at the moment of a commit: no half layer, nothing left after the next start. */
TEST(image_commit_that_was_cut_leaves_nothing)
{
        struct fixture *f = fx_new();
        struct err err = {0};
        CHECK_INT(mkdirat(f->state_fd, "layers/.new-x", 0700), ==, 0);
        CHECK_INT(mkdirat(f->state_fd, "layers/.new-x/fs", 0700), ==, 0);
        char upper[64];
        snprintf(upper, sizeof upper, "uppers/%s", id_new().s);
        CHECK_INT(mkdirat(f->state_fd, upper, 0700), ==, 0);
        close(f->host->layers);
        CHECK_INT(layers_open(f->host, &err), ==, 0);
        fx_crash(f);
        fx_begin(f);
        fx_settle(f, 300);
        CHECK_INT(faccessat(f->state_fd, "layers/.new-x", F_OK, 0), <, 0);
        CHECK_INT(faccessat(f->state_fd, upper, F_OK, 0), <, 0);
        CHECK_INT(faccessat(f->state_fd, "removed", F_OK, 0), <, 0);
        fx_free(f);
}

TEST(image_disk_that_is_watched_ends_who_takes_more)
{
        struct fixture *f = fx_new();
        struct launch_spec s = build_spec("host");
        s.disk_bytes = 8u << 20;
        struct outcome *o =
                fx_sh_spec(f, &s, "head -c 16000000 /dev/zero > /opt/big; echo x; sleep 30");
        CHECK_INT(o->result.reason, ==, BOX_DISK);
        free(o);
        s = build_spec("host");
        s.disk_bytes = 8u << 20;
        o = fx_sh_spec(f, &s, "cd /opt; for i in $(seq 300); do mkdir d; cd d; done; sleep 30");
        CHECK_INT(o->result.reason, ==, BOX_DISK);
        free(o);
        fx_free(f);
}

TEST(image_disk_of_a_file_system_of_its_own)
{
        struct fixture *f = fx_new();
        struct launch_spec s = fx_spec();
        s.disk_backed = 1;
        s.disk_bytes = 64u << 20;
        s.memory_bytes = 64u << 20;
        struct outcome *o = fx_sh_spec(
                f, &s,
                "head -c 40000000 /dev/zero > /work/a && echo fits;"
                "head -c 60000000 /dev/zero > /tmp/b 2>/dev/null || echo full; df /work | tail -1");
        CHECK(strstr(o->out, "fits\nfull\n"));
        CHECK_STR(o->created.enforcement.disk, "loop");
        CHECK_INT(o->created.enforcement.disk_limit, ==, 1);
        free(o);
        fx_settle(f, 100);
        char path[96];
        snprintf(path, sizeof path, "uppers/%s", s.id);
        CHECK_INT(faccessat(f->state_fd, path, F_OK, 0), <, 0);
        fx_free(f);
}

static bool created;
static int create_status;
static void on_created(void *ctx UNUSED, const struct peer_answer *a)
{
        created = true;
        create_status = a->status;
        for (uint32_t i = 0; i < a->n_fds; i++)
                close(a->fds[i]);
}

/* mkfs is a helper's: what is asked after a CREATE with a disk of its own is answered before there is
 * a sandbox. */
TEST(image_disk_is_made_while_launch_goes_on)
{
        struct fixture *f = fx_new();
        struct launch_spec s = fx_spec();
        struct launch_id v = {{0}};
        static const char *const argv[] = {"true", NULL};
        s.disk_backed = 1;
        s.disk_bytes = 600u << 20;
        memcpy(v.id, id_new().s, sizeof v.id);
        auto_close int command = fx_command(argv);
        peer_call(f->asker, LAUNCH_CREATE, &s, &command, 1, on_created, f);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_CREATE, &v, NULL, 0), ==, 0);
        CHECK(!box_find(f->boxes, s.id));
        CHECK_INT(boxes_making(f->boxes), ==, 1);
        fx_pump(f, &created);
        CHECK_INT(create_status, ==, 0);
        CHECK(box_find(f->boxes, s.id));
        fx_free(f);
}

TEST(image_disk_of_an_ordinary_user_is_watched)
{
        struct fixture *f = fx_new_with(false, true);
        struct launch_spec s = fx_spec();
        s.disk_backed = 1;
        s.disk_bytes = 8u << 20;
        struct outcome *o =
                fx_sh_spec(f, &s, "head -c 16000000 /dev/zero > /work/big; echo x; sleep 30");
        CHECK_INT(o->result.reason, ==, BOX_DISK);
        CHECK_STR(o->created.enforcement.disk, "watched");
        free(o);
        fx_free(f);
}

static int snapshot(struct fixture *f, const char *id, const char *k)
{
        struct launch_layer_commit c = {0};
        snprintf(c.id, sizeof c.id, "%s", id);
        snprintf(c.key, sizeof c.key, "%s", k);
        return layer_call(f, LAUNCH_LAYER_SNAPSHOT, &c);
}

static void wait_for_x(struct fixture *f)
{
        char c;
        while (read(f->stdio[1], &c, 1) != 1)
                fx_settle(f, 5);
}

static void snapshots(struct launch_spec s, bool rootful)
{
        struct fixture *f = rootful ? fx_new() : fx_new_with(false, true);
        const char *const argv[] = {"/bin/sh", "-c",
                                    "echo kept > /work/a; echo no > /tmp/b; mkfifo /work/p; "
                                    "ln -s a /work/l; echo x; exec sleep 100",
                                    NULL};
        if (fx_create(f, &s, argv) < 0)
                test_failed(__FILE__, __LINE__, "create: %s", f->error);
        wait_for_x(f);
        if (snapshot(f, s.id, key('d')) < 0)
                test_failed(__FILE__, __LINE__, "snapshot: %s", f->error);
        struct launch_spec n = fx_spec();
        add_layer(&n, key('d'));
        struct outcome *o = fx_sh_spec(f, &n, "cat /work/l; ls /work /tmp; stat -c %u /work/a");
        must_exit_0(o);
        CHECK_STR(o->out, "kept\n/tmp:\n\n/work:\na\nl\n1000\n");
        free(o);
        fx_free(f);
}

TEST(image_snapshot_of_a_plain_sandbox)
{
        snapshots(fx_spec(), true);
}
TEST(image_snapshot_of_one_on_disk)
{
        struct launch_spec s = fx_spec();
        s.disk_backed = 1;
        snapshots(s, true);
}
TEST(image_snapshot_of_an_ordinary_user)
{
        struct launch_spec s = fx_spec();
        s.disk_backed = 1;
        snapshots(s, false);
}
