#include "box/slot.h"
#include <fcntl.h>

int slot_take(uint32_t slot, uint32_t n, struct err *err)
{
        struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = slot, .l_len = n};
        auto_close int fd = open(SLOT_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return err_sys(err, -errno, SLOT_FILE);
        if (fcntl(fd, F_OFD_SETLK, &l) == 0)
                return TAKE_FD(fd);
        if (errno == EAGAIN || errno == EACCES)
                return -EAGAIN;
        return err_sys(err, -errno, SLOT_FILE);
}
