/* events.h - what happens to sandboxes, for who watches: created, started, exec, exec-ended, frozen,
 * thawed, ended. The last EVENTS_KEPT are held in memory; each has a number that grows, so that a
 * client that was cut names the last one it has (Last-Event-ID). What became of a sandbox is in the
 * store, not here. */
#pragma once
#include "api/api.h"

#define EVENTS_KEPT 1024

struct events;
struct events *events_new(void); /* never NULL */
void events_free(struct events *e);

/* data: further fields, taken over; NULL none. */
void event_tell(struct api *a, const char *type, const char *sandbox, int64_t owner, json_t *data);
/* This server is being stopped: who watches comes back. */
void events_drain(struct api *a);
