/* torture.c - runs a fuzz target over its corpus again and again, the first time with the first
 * allocation of outside size failing, then the second, and so on until none is left to fail. ASan
 * and its leak check are on: an error path that leaks or touches what it freed ends the program.
 *
 *     build/torture/torture/NAME fuzz/corpus/NAME
 */
#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#define ROUNDS_MAX 2000 /* a corpus file that allocates more often is cut short, and says so */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long one_file(int dir, const char *name)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4u << 20);
        mem_fail_nth(0);
        if (file_read_at(dir, name, &b) < 0)
                return 0;
        long n = 1;
        for (; n <= ROUNDS_MAX; n++) {
                mem_fail_nth(n);
                LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&b), b.len);
                if (!mem_has_failed())
                        break;
        }
        mem_fail_nth(0);
        return n - 1;
}

int main(int argc, char **argv)
{
        DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
        if (!d) {
                fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
                return 2;
        }
        long files = 0, failures = 0;
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_type == DT_REG) {
                        files++;
                        failures += one_file(dirfd(d), e->d_name);
                }
        closedir(d);
        printf("# %ld files, %ld allocations failed\n", files, failures);
        return files ? 0 : 1;
}
