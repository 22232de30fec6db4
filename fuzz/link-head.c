/* A whole message as it arrives on the socket: head, flags, version, body. */
#include "link/keep.h"
#include "link/link.h"
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char storage[LINK_MESSAGE_MAX];
        int s[2];
        struct link_message m;
        if (size > 60000 || link_pair(s) < 0)
                return 0;
        if (send(s[0], data, size, MSG_NOSIGNAL) >= 0 &&
            link_recv(s[1], &keep_link, storage, &m) == 0) {
                if (m.body.len != size - 24)
                        abort();
                link_close_fds(&m);
        }
        close(s[0]);
        close(s[1]);
        return 0;
}
