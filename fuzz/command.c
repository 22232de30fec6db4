/* The command of a sandbox, as init takes it apart. */
#include "box/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct command c;
        struct err err = {0};
        if (command_parse((const char *)data, size, &c, &err) < 0) {
                if (!err.text[0])
                        abort();
                return 0;
        }
        size_t total = 8;
        for (char **a = c.argv; *a; a++)
                total += strlen(*a) + 1;
        for (char **e = c.env; *e; e++)
                total += strlen(*e) + 1;
        if (total != size)
                abort();
        command_done(&c);
        return 0;
}
