#include "agent/init/init_exec.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes a missing working folder of the image, and its parents; chdir reports a failure. */
static void make_folder(const char *path)
{
    char part[PATH_MAX];
    for (size_t n = 1; path[n - 1] && n < sizeof part; n++) {
        if (path[n] && path[n] != '/')
            continue;
        memcpy(part, path, n);
        part[n] = 0;
        (void)mkdir(part, 0755);
    }
}

/*
 * As execvp, except that a file that the kernel cannot execute is an error, as under Docker, and not passed
 * to a shell, which an image may not have.
 */
static int execute(char *const *argv)
{
    const char *at = getenv("PATH"), *name = argv[0];
    char path[PATH_MAX];
    int error = ENOENT;
    if (strchr(name, '/')) {
        execv(name, argv);
        return errno;
    }
    for (at = at ? at : "/bin:/usr/bin"; *name && at; at = *at ? at + 1 : NULL) {
        size_t len = strcspn(at, ":");
        int n = snprintf(path, sizeof path, "%.*s%s%s", (int)len, at, len ? "/" : "", name);
        errno = ENOENT;
        if (n > 0 && (size_t)n < sizeof path)
            execv(path, argv);
        if (errno == EACCES)
            error = EACCES; /* EACCES wins over ENOENT */
        else if (errno != ENOENT && errno != ENOTDIR)
            return errno;
        at += len;
    }
    return error;
}

/* Says on the standard error of what was to be run why it cannot be, since the exit code does not. */
static int complain(const char *what, const char *name, int error)
{
    bool is_there = error == ENOENT && strchr(name, '/') && !access(name, F_OK);
    (void)dprintf(STDERR_FILENO, "corral: cannot %s %.1024s: %s%s\n", what, name, strerror(error),
                  is_there ? " (the interpreter in its first line, or its loader)" : "");
    return error;
}

/* Sets the environment first, because its PATH decides what is found. */
int init_exec(const struct init_start *start, bool make_cwd)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (uint32_t i = 0; i < start->envc; i++)
        if (putenv((char *)(uintptr_t)start->env[i]) != 0)
            return errno;
    if (start->cwd[0] && make_cwd)
        make_folder(start->cwd);
    if (start->cwd[0] && chdir(start->cwd) != 0) {
        int error = complain("enter", start->cwd, errno);
        return error == ENOENT ? EACCES : error; /* the program may well exist: 126, not 127 */
    }
    int error = execute((char *const *)(uintptr_t)start->argv);
    return complain("run", start->argv[0], error);
}
