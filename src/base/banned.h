/* banned.h - functions that do not compile here; forced in by the Makefile after the system's own
 * headers (-include). Each has a bounded or checked counterpart in src/base. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
/* Macros in glibc's fortified headers, with clang. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets atoi atol atoll atof \
        system mktemp tmpnam
