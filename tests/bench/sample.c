/*
 * What one sample of a sandbox costs beside the bare pread of the same files, in turn, by the CPU's clock.
 * usage: bench_sample ROUNDS PID...   (the first process of each sandbox)
 */
#include "agent/cgroup/cgroup_sandbox.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SANDBOXES_MAX 256
#define FILES_MAX     8192

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Every descriptor above these is a sampler's own file. */
static int files_above(int lowest, int fds[static FILES_MAX])
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        int fd = atoi(entry->d_name);
        if (fd > lowest && fd != dirfd(dir) && count < FILES_MAX)
            fds[count++] = fd;
    }
    if (dir)
        closedir(dir);
    return count;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_size);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    static struct cgroup_sandbox *sandbox[SANDBOXES_MAX];
    static int fds[FILES_MAX];
    static double sampled[1000], bare[1000];
    struct sandbox_limits limits = {64 << 20, 500, 512, 0, 64, 0};
    struct err e;
    int rounds = argc > 2 ? atoi(argv[1]) : 0, count = argc - 2;
    if (rounds < 1 || rounds > 1000 || count > SANDBOXES_MAX)
        return 2;
    int lowest = dup(0);
    for (int i = 0; i < count; i++) {
        struct cgroup_paths paths;
        pid_t pid = atoi(argv[i + 2]);
        if (cgroup_paths_of("", pid, &paths, &e) || cgroup_sandbox_open(&sandbox[i], &paths, "", pid, &e)) {
            fprintf(stderr, "%s\n", e.text);
            return 1;
        }
    }
    int files = files_above(lowest, fds);
    for (int round = 0; round < rounds; round++) {
        char bytes[8192];
        double begin = cpu_us();
        for (int i = 0; i < count; i++) {
            struct sample s = {0};
            if (cgroup_sandbox_sample(sandbox[i], (uint64_t)round * 1000 + 1000, &limits, &s, &e))
                return 1;
        }
        double between = cpu_us();
        for (int i = 0; i < files; i++) {
            if (pread(fds[i], bytes, sizeof bytes, 0) < 0)
                bytes[0] = 0; /* a file that the kernel does not fill */
        }
        sampled[round] = between - begin;
        bare[round] = cpu_us() - between;
    }
    double ours = median(sampled, rounds) / count, theirs = median(bare, rounds) / count;
    printf("%.2f %.2f %.2f\n", ours, theirs, (double)files / count);
    for (int i = 0; i < count; i++)
        cgroup_sandbox_close(sandbox[i]);
    return 0;
}
