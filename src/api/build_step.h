/* build_step.h - the step of a build that is going on: its sandbox, pipes and layer; between
 * build.c and build_step.c. */
#pragma once
#include "api/build.h"
#include "base/buf.h"
#include "api/outlog.h"

#define BUILD_TOLD_MAX 65536

struct build_pipe {
        struct build *build;
        int fd; /* -1: at its end */
        struct loop_io *io;
        enum stream_type stream;
};

struct build {
        struct live live; /* first */
        char image[NAME_TEXT_MAX + 1];
        struct recipe r;
        json_t *base_layers, *base_manifest;
        size_t at, cached;
        uint64_t sizes[RECIPE_STEPS_MAX], bytes;
        uint32_t turn;
        struct outlog *log;
        struct loop_timer *timer;
        char *result; /* JSON, once it has ended */
        /* the step */
        char box[ID_TEXT_LEN + 1]; /* its sandbox; "" none */
        bool begun, exited;
        struct launch_result end;
        struct build_pipe out, err;
        int in;
        struct loop_io *in_io;
        size_t written;  /* of the step's input */
        struct buf told; /* what a step that tells has said so far */
        /* import */
        bool importing, input_ended;
        char snapshot_of[ID_TEXT_LEN + 1]; /* the sandbox whose files become the layer; "" none */
        loop_fn writable;
        void *writable_ctx;
};

struct about_build {
        struct api *api;
        char id[ID_TEXT_LEN + 1];
        uint32_t turn;
};
struct about_build *build_about(struct build *b);
/* The build that an answer is for, whose question's context this was; NULL: it has gone on without. */
struct build *build_of_answer(void *about);

/* A new one without steps, among the jobs. */
struct build *build_make(struct api *a, const char *id, int64_t owner, const char *image,
                         struct err *err);
void build_told(struct build *b);          /* build_told.c: takes over what the step has told */
void build_take_snapshot(struct build *b); /* snapshot.c: instead of a step's sandbox */
PRINTF_LIKE(2, 3) void build_say(struct build *b, const char *fmt, ...);
void build_end(struct build *b, const char *state, const char *reason); /* frees b, later */
void build_step_run(struct build *b);
void build_step_exited(struct build *b, const struct launch_result *r);
void build_step_done(struct build *b, uint64_t bytes); /* build.c: the layer is there */
void build_step_drop(struct build *b); /* lets go of the sandbox; it is not ours any more */
void build_step_close(struct build *b);
