/* image_job.h - a job that makes an image: what it says, and its end. */
#pragma once
#include "cli/simple.h"

/* Shows its log as it grows and waits; with --detach prints its id. The exit code. */
int image_job_follow(struct invocation *inv, const json_t *job);
void image_job_log(struct invocation *inv, const json_t *job);
