#include "cli/terminal.h"
#include "net/stream.h"
#include <sys/ioctl.h>

void terminal_raw(struct terminal *t)
{
        struct termios raw;
        if (tcgetattr(STDIN_FILENO, &t->was) < 0)
                return;
        raw = t->was;
        cfmakeraw(&raw);
        t->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void terminal_restore(struct terminal *t)
{
        if (t->raw)
                (void)!tcsetattr(STDIN_FILENO, TCSADRAIN, &t->was);
        t->raw = false;
}

int terminal_put_size(struct buf *b)
{
        struct winsize w;
        if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_row == 0)
                return 0;
        char p[4] = {(char)w.ws_row, (char)(w.ws_row >> 8), (char)w.ws_col, (char)(w.ws_col >> 8)};
        return stream_put(b, STREAM_RESIZE, p, sizeof p);
}
