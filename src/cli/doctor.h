/* doctor.h - the checks of `paddock doctor`: each really tries what Paddock will do, most of them
 * in a child that is thrown away, and changes nothing. Nothing but libc is linked for them. */
#pragma once
#include "base/cleanup.h"

#define DETAIL_MAX 160

enum finding { FOUND, MISSING, WEAK }; /* WEAK: there, but less than it should be */
enum weight {
        NEEDED, /* without it the main job cannot run */
        WANTED, /* without it something is lost */
};

struct check {
        const char *name;
        enum weight weight;
        enum finding (*probe)(char detail[DETAIL_MAX]);
        const char *lost; /* without it */
        const char *get;  /* how to have it */
};
extern const struct check doctor_checks[];
extern const size_t doctor_checks_n;

/* doctor_kernel.c */
enum finding probe_user_ns(char detail[DETAIL_MAX]);
enum finding probe_other_ns(char detail[DETAIL_MAX]);
enum finding probe_overlay(char detail[DETAIL_MAX]);
enum finding probe_mount_api(char detail[DETAIL_MAX]);
enum finding probe_idmap(char detail[DETAIL_MAX]);
enum finding probe_proc_mount(char detail[DETAIL_MAX]);
enum finding probe_openat2(char detail[DETAIL_MAX]);
enum finding probe_clone3(char detail[DETAIL_MAX]);
enum finding probe_pidfd(char detail[DETAIL_MAX]);
enum finding probe_landlock(char detail[DETAIL_MAX]);
enum finding probe_seccomp(char detail[DETAIL_MAX]);
enum finding probe_memfd(char detail[DETAIL_MAX]);
/* doctor_host.c */
enum finding probe_cgroup_memory(char detail[DETAIL_MAX]);
enum finding probe_cgroup_cpu(char detail[DETAIL_MAX]);
enum finding probe_cgroup_pids(char detail[DETAIL_MAX]);
enum finding probe_max_user_ns(char detail[DETAIL_MAX]);
enum finding probe_files(char detail[DETAIL_MAX]);
enum finding probe_pids(char detail[DETAIL_MAX]);
enum finding probe_pdftotext(char detail[DETAIL_MAX]);
enum finding probe_fts5(char detail[DETAIL_MAX]);
enum finding probe_python(char detail[DETAIL_MAX]);
enum finding probe_runsc(char detail[DETAIL_MAX]);
enum finding probe_loop(char detail[DETAIL_MAX]);
enum finding probe_disk(char detail[DETAIL_MAX]);
enum finding probe_clock(char detail[DETAIL_MAX]);
enum finding probe_socket(char detail[DETAIL_MAX]);
