/* stream_impl.h - what streams.c (the life of an attached client) and stream_frames.c (what is said to
 * it and by it) share. Nobody else includes it. */
#pragma once
#include "api/box.h"
#include "api/channel.h"

#define OUT_ENOUGH (128u << 10) /* no more is prepared than this; the rest waits in the log */

/* A client attached to a sandbox: an upgraded socket. The sandbox does not end with it. */
struct viewer {
        struct api *api;
        struct viewer *next, **at; /* in api->viewers */
        char id[ID_TEXT_LEN + 1];
        struct channel ch;
        enum channel_kind kind;
        struct loop_io *io;
        uint32_t events;
        struct buf in, out;
        struct outlog_cursor cursor;
        struct live_watch watch; /* of the box; off its list once it has ended */
        uint64_t stdin_at;       /* number of the client's next byte of stdin */
        size_t stdin_used;       /* of the frame at the head of `in` */
        bool stdin_blocked;      /* the sandbox takes no more now */
        bool last_put;           /* RESULT or ERROR is in `out` */
        struct call *call;       /* until the socket is ours; then NULL */
        struct loop_timer *linger, *ping;
        enum ws_code code; /* why it ends */
};

/* ---- stream_frames.c ---- */
struct box *viewer_box(const struct viewer *v); /* NULL: it has ended */
void viewer_put(struct viewer *v, enum stream_type type, const void *p, size_t n);
/* The last frame: the stream ends with the code WS_BAD. */
void viewer_error(struct viewer *v, const char *text);
/* From the log into `out`, as long as there is room; at the end of all: RESULT. */
void viewer_fill(struct viewer *v);
/* The whole frames of `in`. */
void viewer_take(struct viewer *v);
/* 0, or negative when the client is gone. */
int viewer_receive(struct viewer *v);
