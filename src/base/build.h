/* build.h - which build this is. Every program of one build has the same id; serve refuses a role
 * of another (keep excepted, which outlives upgrades). */
#pragma once

extern const char build_version[]; /* "0.1.0" */
extern const char build_id[];      /* SHA-256 over the sources, hex */
