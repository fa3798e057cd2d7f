/*
 * What careless and hostile programs do, for tests/chaos: static, so that it runs in any image.
 *
 *   hostile memory MIB [MIB_PER_SECOND]   takes memory for good, at full speed or slowly, then stays
 *   hostile burst MIB                     takes it in one call, which no freezer stops half-way
 *   hostile read FILE [TIMES]             reads a file again and again
 *   hostile fork                          forks for ever, children do the same
 *   hostile files FOLDER                  makes small files until none can be made
 *   hostile open                          opens files until none can be opened, says how many, stays
 *   hostile spin [THREADS]                uses every CPU that it gets
 *   hostile log                           writes lines as fast as it can
 *   hostile stubborn                      heeds no signal that can be ignored
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB 1048576u

static void pass(long ns)
{
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    nanosleep(&t, NULL);
}

static void stay(void)
{
    for (;;)
        pause();
}

static void take_memory(long mib, long per_second)
{
    for (long i = 0; i < mib; i++) {
        char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            exit(3);
        memset(p, 1, MIB);
        if (per_second)
            pass(1000000000 / per_second);
    }
    stay();
}

static void take_at_once(long mib)
{
    size_t size = (size_t)mib * MIB;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    exit(p == MAP_FAILED ? 3 : 4);
}

static void read_again(const char *path, long times)
{
    static char block[MIB];
    for (long i = 0; i < times; i++) {
        int fd = open(path, O_RDONLY);
        if (fd < 0)
            exit(4);
        while (read(fd, block, sizeof block) > 0)
            ;
        close(fd);
    }
}

static void fork_for_ever(void)
{
    for (;;)
        fork();
}

static void make_files(const char *folder)
{
    char path[256];
    long n = 0;
    for (;; n++) {
        snprintf(path, sizeof path, "%s/%ld", folder, n);
        int fd = open(path, O_CREAT | O_WRONLY, 0600);
        if (fd < 0)
            break;
        if (n % 16 == 0 && write(fd, "x", 1) < 0)
            break;
        close(fd);
    }
    printf("%ld files: %s\n", n, strerror(errno));
    fflush(stdout);
}

static void open_files(void)
{
    long n = 0;
    while (open("/dev/null", O_RDONLY) >= 0)
        n++;
    int why = errno;
    close(5);
    printf("%ld descriptors: %s\n", n, strerror(why));
    fflush(stdout);
    stay();
}

static void spin(long threads)
{
    for (long i = 1; i < threads; i++) {
        if (!fork())
            break;
    }
    for (volatile unsigned long n = 0;; n++)
        ;
}

static void flood_log(void)
{
    for (;;)
        puts("a line that nobody asked for, and that somebody has to keep, and another after it, and so on");
}

static void be_stubborn(void)
{
    for (int s = 1; s < 64; s++)
        signal(s, SIG_IGN);
    stay();
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *one = argc > 2 ? argv[2] : "1",
               *two = argc > 3 ? argv[3] : "0";
    if (!strcmp(what, "memory"))
        take_memory(atol(one), atol(two));
    else if (!strcmp(what, "burst"))
        take_at_once(atol(one));
    else if (!strcmp(what, "read"))
        read_again(one, atol(two));
    else if (!strcmp(what, "fork"))
        fork_for_ever();
    else if (!strcmp(what, "files"))
        make_files(one);
    else if (!strcmp(what, "open"))
        open_files();
    else if (!strcmp(what, "spin"))
        spin(atol(one));
    else if (!strcmp(what, "log"))
        flood_log();
    else if (!strcmp(what, "stubborn"))
        be_stubborn();
    else
        return 2;
    return 0;
}
