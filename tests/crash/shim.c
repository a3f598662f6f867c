/* LD_PRELOAD: makes fsync and fdatasync lie or fail, as the file named by FAULTS says at that moment.
 *
 * One line, read at each call: "lie" (nothing is synced, success is reported) or "EIO substring-of-path" or
 * "ENOSPC substring-of-path" (the call fails for files whose path holds the substring), "EIO-once ..." (the first one fails). Anything else: the real call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fault(int fd) /* -1: do the real call; 0: pretend; else the errno to fail with */
{
    char order[512] = "", link[64], path[4096], *name;
    const char *control = getenv("FAULTS");
    int saved = errno, from = control ? open(control, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t size = from < 0 ? 0 : read(from, order, sizeof order - 1);
    if (from >= 0)
        close(from);
    errno = saved;
    order[size > 0 ? size : 0] = 0;
    order[strcspn(order, "\n")] = 0;
    if (!strcmp(order, "lie"))
        return 0;
    if (!(name = strchr(order, ' ')))
        return -1;
    *name++ = 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = 0;
    if (!strstr(path, name))
        return -1;
    if (!strcmp(order, "EIO-once")) {
        unlink(control);
        return EIO;
    }
    return !strcmp(order, "EIO") ? EIO : !strcmp(order, "ENOSPC") ? ENOSPC : -1;
}

static int sync_or_not(const char *call, int fd)
{
    int error = fault(fd);
    if (error < 0)
        return ((int (*)(int))dlsym(RTLD_NEXT, call))(fd);
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

int fsync(int fd) { return sync_or_not("fsync", fd); }
int fdatasync(int fd) { return sync_or_not("fdatasync", fd); }
