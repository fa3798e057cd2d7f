#include "common/io/daemon.h"

#include "common/io/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void on_stop(void *arg)
{
    struct daemon *daemon = arg;
    log_info("daemon", "stopping");
    daemon_notify("STOPPING=1");
    loop_stop(daemon->loop);
}

static void on_hangup(void *arg)
{
    struct daemon *daemon = arg;
    if (daemon->on_reload)
        daemon->on_reload(daemon->arg);
}

static int write_pid(const char *path, struct err *e)
{
    FILE *f = fopen(path, "we");
    if (!f)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    fprintf(f, "%ld\n", (long)getpid());
    if (fclose(f))
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    return 0;
}

int daemon_start(struct daemon *daemon, struct loop *loop, const char *pid_file, loop_cb *on_reload,
                 void *arg, struct err *e)
{
    *daemon = (struct daemon){.loop = loop, .pid_file = pid_file, .on_reload = on_reload, .arg = arg};
    int rc = pid_file ? write_pid(pid_file, e) : 0;
    if (rc)
        return rc;
    signal_watch_start(&daemon->term, loop, SIGTERM, on_stop, daemon);
    signal_watch_start(&daemon->interrupt, loop, SIGINT, on_stop, daemon);
    signal_watch_start(&daemon->hangup, loop, SIGHUP, on_hangup, daemon);
    return 0;
}

void daemon_stop(struct daemon *daemon)
{
    signal_watch_stop(&daemon->term);
    signal_watch_stop(&daemon->interrupt);
    signal_watch_stop(&daemon->hangup);
    if (daemon->pid_file)
        unlink(daemon->pid_file);
}

void daemon_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || !path[0] || strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, len) < 0)
        log_warn("daemon", "cannot send %s to the service manager: %s", state, strerror(errno));
    close(fd);
}

uint64_t daemon_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}

void daemon_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        log_warn("daemon", "the limit of open files cannot be raised: %s", strerror(errno));
}
