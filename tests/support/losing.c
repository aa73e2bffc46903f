/* A disk that loses what it cannot sync: fsync and fdatasync fail with EIO, and what was written to that
   descriptor since it was synced last is as it was before, as where a kernel drops the pages that it could
   not write. Which files are on that disk says the file that DWELL_TEST_LOSES names, by how their paths
   end; none while it is empty. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct write {
    struct write *before;
    int file;
    off_t at;
    size_t length;
    ssize_t had;
    char was[];
};

static struct write *newest;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* Whether the path of a file ends with this. */
static int is_named(int file, const char *end)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    ssize_t more = strlen(end);
    return more && length > more && !memcmp(path + length - more, end, more);
}

static int of_the_log(int file)
{
    return is_named(file, "log.sqlite") || is_named(file, "log.sqlite-wal");
}

static int is_lost(int file)
{
    char end[64];
    const char *name = getenv("DWELL_TEST_LOSES");
    int told = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (told < 0)
        return 0;
    ssize_t length = read(told, end, sizeof end - 1);
    syscall(SYS_close, told);
    end[length < 0 ? 0 : length] = 0;
    return is_named(file, end);
}

static ssize_t pwrite_now(int file, const void *data, size_t length, off_t at)
{
    return syscall(SYS_pwrite64, file, data, length, at);
}

ssize_t pwrite64(int file, const void *data, size_t length, off_t at)
{
    if (of_the_log(file)) {
        struct write *one = malloc(sizeof *one + length);
        one->file = file;
        one->at = at;
        one->length = length;
        pthread_mutex_lock(&turn);
        one->had = syscall(SYS_pread64, file, one->was, length, at);
        one->before = newest;
        newest = one;
        pthread_mutex_unlock(&turn);
    }
    return pwrite_now(file, data, length, at);
}

ssize_t pwrite(int file, const void *data, size_t length, off_t at)
{
    return pwrite64(file, data, length, at);
}

/* Forget the writes to a descriptor, newest first, or take them back. */
static void settle(int file, int lost)
{
    for (struct write **link = &newest; *link;) {
        struct write *one = *link;
        if (one->file != file) {
            link = &one->before;
            continue;
        }
        if (lost) {
            ssize_t had = one->had < 0 ? 0 : one->had;
            memset(one->was + had, 0, one->length - had);
            pwrite_now(file, one->was, one->length, one->at);
        }
        *link = one->before;
        free(one);
    }
}

/* A file beside the one that says what is lost, from the first time on. */
static void say_so(void)
{
    char name[4096];
    snprintf(name, sizeof name, "%s.said", getenv("DWELL_TEST_LOSES"));
    int said = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (said >= 0)
        syscall(SYS_close, said);
}

static int synced(int file, long call)
{
    int lost = is_lost(file);
    pthread_mutex_lock(&turn);
    settle(file, lost);
    pthread_mutex_unlock(&turn);
    if (!lost)
        return (int)syscall(call, file);
    say_so();
    errno = EIO;
    return -1;
}

int fsync(int file)
{
    return synced(file, SYS_fsync);
}

int fdatasync(int file)
{
    return synced(file, SYS_fdatasync);
}

int close(int file)
{
    pthread_mutex_lock(&turn);
    settle(file, 0);
    pthread_mutex_unlock(&turn);
    return (int)syscall(SYS_close, file);
}
