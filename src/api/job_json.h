/* job_json.h - jobs and their parts as JSON. */
#pragma once
#include "api/box.h"

/* The object of a job as a client sees it; a new reference. */
json_t *job_object(const struct job_row *row);
json_t *enforcement_object(const struct launch_enforcement *e);
/* The result of an ended sandbox. */
json_t *box_result_object(const struct box *b);
/* A stored JSON text, or null. */
json_t *json_or_null(const char *text);
