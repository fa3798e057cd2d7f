#include "agent/init/init_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SEEN_MAX     2048 /* processes per pass; further ones are killed in the next pass */
#define MARK         (1ull << 62)
#define PAUSE_MAX_MS 50

struct seen {
    pid_t pid, parent, session;
    bool member, dead;
    unsigned long long began; /* start time: pid and start time identify a process */
};

static struct seen seen[SEEN_MAX]; /* one pass ends before the next begins */

void init_tree_mark(uint32_t number)
{
    struct rlimit limit = {MARK | number, MARK | number};
    if (setrlimit(RLIMIT_RTTIME, &limit) != 0)
        (void)setrlimit(RLIMIT_RSS, &limit); /* without it, session and parents must do */
}

static bool has_mark(pid_t pid, int resource, uint32_t number)
{
    struct rlimit limit;
    return prlimit(pid, resource, NULL, &limit) == 0 && limit.rlim_max == (MARK | number);
}

static bool is_marked(pid_t pid, uint32_t number)
{
    return has_mark(pid, RLIMIT_RTTIME, number) || has_mark(pid, RLIMIT_RSS, number);
}

/* The name may contain anything, also parentheses; the numbers follow the last one. */
static bool read_stat(pid_t pid, struct seen *out)
{
    char path[64], text[1024], state;
    int parent, session;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *name_end = strrchr(text, ')');
    if (!name_end ||
        sscanf(name_end, ") %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &state, &parent, &session, &out->began) != 4)
        return false;
    out->pid = pid;
    out->parent = parent;
    out->session = session;
    out->dead = state == 'Z' || state == 'X';
    return true;
}

static size_t read_all(uint32_t number, pid_t root)
{
    DIR *dir = opendir("/proc");
    size_t count = 0;
    for (struct dirent *entry; dir && count < SEEN_MAX && (entry = readdir(dir));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 1)
            continue;
        struct seen *s = &seen[count];
        if (!read_stat(pid, s) ||
            s->dead) /* read first; kill_seen reads it again, to be sure that all facts are of one process */
            continue;
        s->member = is_marked(pid, number) || (root && (pid == root || s->session == root));
        count++;
    }
    if (dir)
        closedir(dir);
    return count;
}

static bool has_member_parent(size_t count, const struct seen *s)
{
    for (size_t i = 0; i < count; i++) {
        if (seen[i].pid == s->parent)
            return seen[i].member;
    }
    return false;
}

/* /proc lists parents before children, except after the pids wrapped around. */
static void add_children(size_t count)
{
    bool more = true;
    for (int round = 0; more && round < 4; round++) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            if (seen[i].member || seen[i].parent <= 1 || !has_member_parent(count, &seen[i]))
                continue;
            seen[i].member = more = true;
        }
    }
}

/* Kills that process, unless its pid was reused. */
static void kill_seen(const struct seen *s)
{
    struct seen again;
    int fd = (int)syscall(SYS_pidfd_open, s->pid, 0);
    if (read_stat(s->pid, &again) && again.began == s->began &&
        (fd < 0 || syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) != 0))
        kill(s->pid, SIGKILL);
    if (fd >= 0)
        close(fd);
}

/* One pass over /proc. Returns how many members were still alive. Where it finds none, /proc may not be
 * readable (no descriptors), so what is known without it is killed: the root was not reaped yet. */
static size_t pass(uint32_t number, pid_t root)
{
    size_t count = read_all(number, root), members = 0;
    add_children(count);
    for (size_t i = 0; i < count; i++) {
        if (!seen[i].member)
            continue;
        members++;
        kill_seen(&seen[i]);
    }
    if (!members && root) {
        kill(-root, SIGKILL);
        kill(root, SIGKILL);
    }
    return members;
}

static size_t pass_stopped(uint32_t number, pid_t root)
{
    kill(-1, SIGSTOP);
    size_t members = pass(number, root);
    kill(-1, SIGCONT);
    return members;
}

void init_tree_kill_start(struct init_tree_kill *kill, uint64_t now_ms)
{
    if (!kill->active)
        *kill = (struct init_tree_kill){.active = true, .began_at_ms = now_ms, .next_at_ms = now_ms};
}

void init_tree_kill_pass(struct init_tree_kill *kill, uint32_t number, pid_t root, uint64_t now_ms)
{
    if (!kill->active || now_ms < kill->next_at_ms)
        return;
    size_t members = kill->passes++ < INIT_TREE_CALM_PASSES ? pass(number, root) : pass_stopped(number, root);
    uint64_t pause = kill->passes < 7 ? 1ull << (kill->passes - 1) : PAUSE_MAX_MS;
    kill->next_at_ms = now_ms + pause;
    if (!members || now_ms - kill->began_at_ms >= INIT_TREE_GIVE_UP_MS)
        kill->active = false;
}
