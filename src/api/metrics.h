/* metrics.h - what is counted for /metrics. */
#pragma once
#include "api/router.h"

struct api_counters *metrics_new(void);
void metrics_free(struct api_counters *m);
void metrics_count(struct api_counters *m, const struct route *r, int status); /* r may be NULL */
void metrics_route(struct call *c);                                            /* GET /metrics */
