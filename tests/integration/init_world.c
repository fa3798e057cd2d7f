#include "tests/integration/init_world.h"

#include "agent/initlink/initlink_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define USER           23456 /* a user id that nobody else has, so that the kernel counts these processes alone */
#define USER_PROCESSES 200

struct world world;
static pid_t init_pid;
static char links[256], program[256], socket_path[300];
static char namespace_of_init[64];

uint64_t world_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- frames that arrive --- */

static struct seen *seen_of(uint32_t number)
{
    for (size_t i = world.seen_count; i-- > 0;) {
        if (world.seen[i].number == number)
            return &world.seen[i];
    }
    return NULL;
}

static void on_output(struct seen *s, const struct initlink_update *update)
{
    char *text = s->text[update->is_stderr];
    size_t have = strlen(text), room = sizeof s->text[0] - 1 - have;
    memcpy(text + have, update->bytes, update->len < room ? update->len : room);
    s->bytes += update->len;
}

static void on_update(void *arg, const struct initlink_update *update)
{
    struct seen *s = seen_of(update->attachment.number);
    if (update->kind == INITLINK_LISTED)
        world.listed = true;
    if (update->kind == INITLINK_PROCESS_TOLD && update->process.told.state == INIT_REFUSED) {
        world.refused = update->process.number;
        world.refused_with = update->process.told.exit.value;
    }
    if (s && update->kind == INITLINK_OUTPUT)
        on_output(s, update);
    if (s && update->kind == INITLINK_ATTACHED) {
        s->answered = true;
        s->attached = update->attached;
    }
    if (s && update->kind == INITLINK_DETACHED) {
        s->detached = true;
        s->reason = update->reason;
        s->position = update->attachment.position;
    }
    loop_stop(world.loop);
}

static void on_ready(void *arg, enum init_main_state state)
{
    if (state == INIT_MAIN_FRESH)
        CHECK(initlink_copy(world.link, -1, NULL, 0, &world.e) == 0);
}

static void on_copied(void *arg, int error, uint32_t folder)
{
    CHECK(error == 0);
    world.copied = true;
    loop_stop(world.loop);
}

static void on_environ(void *arg, int error)
{
    CHECK(error == 0);
    world.environs++;
    loop_stop(world.loop);
}

static void on_exited(void *arg, const struct init_exit *end)
{
    world.exited = true;
    loop_stop(world.loop);
}

static void on_time(void *arg)
{
    loop_stop(world.loop);
}

void world_turn(uint64_t ms)
{
    struct timer timer = {0};
    timer_start(&timer, world.loop, ms, on_time, NULL);
    loop_run(world.loop);
    timer_stop(&timer);
}

/* --- the init --- */

static int run_init(void *arg)
{
    struct rlimit processes = {USER_PROCESSES, USER_PROCESSES};
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("proc", "/proc", "proc", 0, NULL) != 0 || setgroups(0, NULL) != 0 || setgid(USER) != 0 ||
        setrlimit(RLIMIT_NPROC, &processes) != 0 || setuid(USER) != 0)
        _exit(99);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(program, program, socket_path, (char *)NULL);
    _exit(98);
}

static void start_init(void)
{
    static char stack[65536];
    init_pid = clone(run_init, stack + sizeof stack, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, NULL);
    CHECK(init_pid > 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/pid", init_pid);
    CHECK(readlink(path, namespace_of_init, sizeof namespace_of_init - 1) > 0);
}

static void listen_again(void)
{
    static const struct initlink_events events = {.on_ready = on_ready,
                                                  .on_copied = on_copied,
                                                  .on_environ = on_environ,
                                                  .on_exited = on_exited,
                                                  .on_update = on_update};
    world.listed = false;
    CHECK(initlink_new(world.loop, links, &events, NULL, &world.link, &world.e) == 0);
    initlink_expect(world.link, init_pid);
    UNTIL(world.listed && world.copied);
}

void world_begin(const char *folder)
{
    snprintf(links, sizeof links, "%s/link", folder);
    snprintf(program, sizeof program, "%s/corral-init", folder);
    snprintf(socket_path, sizeof socket_path, "%s/%s", links, INIT_SOCKET_NAME);
    world.loop = loop_new();
    start_init();
    listen_again();
}

/* By a process with the init's user, as those of its sandbox are. */
void world_bound_files(rlim_t files)
{
    struct rlimit limit;
    int status;
    pid_t pid = fork();
    if (!pid) {
        bool good = !setgroups(0, NULL) && !setgid(USER) && !setuid(USER) &&
                    !prlimit(init_pid, RLIMIT_NOFILE, NULL, &limit);
        limit.rlim_cur = files;
        _exit(good && !prlimit(init_pid, RLIMIT_NOFILE, &limit, NULL) ? 0 : 1);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

void world_link_again(void)
{
    initlink_free(world.link);
    world_forget();
    listen_again();
}

void world_say_raw(const struct init_head *head)
{
    static uint8_t bytes[INIT_START_MAX], answer[65536];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    initlink_free(world.link);
    world.link = NULL;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && chmod(socket_path, 0666) == 0 &&
          listen(listener, 1) == 0);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    CHECK(fd >= 0);
    memcpy(bytes, head, sizeof *head);
    memset(bytes + sizeof *head, 0xff, sizeof bytes - sizeof *head);
    size_t len = sizeof *head + (head->len < sizeof bytes / 2 ? head->len : 0);
    CHECK(send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
    struct timeval patience = {30, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t n;
    while ((n = recv(fd, answer, sizeof answer, 0)) > 0)
        ;
    CHECK(n == 0 || errno == ECONNRESET); /* the init has ended the link */
    close(fd);
    close(listener);
    unlink(socket_path);
}

int world_end(int code)
{
    char script[32];
    int status;
    struct init_start *start = calloc(1, sizeof *start);
    snprintf(script, sizeof script, "exit %d", code);
    start->cwd = "";
    start->argc = 3;
    start->argv[0] = "/bin/sh";
    start->argv[1] = "-c";
    start->argv[2] = script;
    CHECK(initlink_start(world.link, start, &world.e) == 0);
    UNTIL(world.exited);
    free(start);
    CHECK(waitpid(init_pid, &status, 0) == init_pid);
    initlink_free(world.link);
    loop_free(world.loop);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- acts --- */

static struct init_spawn *spawn_of(const char *const *argv, uint32_t number, uint32_t flags,
                                   uint64_t timeout_ms)
{
    struct init_spawn *spawn = calloc(1, sizeof *spawn);
    memcpy(spawn->token, &number, sizeof number);
    spawn->flags = flags;
    spawn->timeout_ms = timeout_ms;
    spawn->rows = 24;
    spawn->columns = 80;
    spawn->note = (const uint8_t *)"note";
    spawn->note_len = 4;
    spawn->start.cwd = "/";
    while (argv[spawn->start.argc]) {
        spawn->start.argv[spawn->start.argc] = argv[spawn->start.argc];
        spawn->start.argc++;
    }
    return spawn;
}

uint32_t world_spawn(const char *const *argv, uint32_t flags, uint64_t timeout_ms)
{
    uint32_t number = initlink_next_process(world.link);
    struct init_spawn *spawn = spawn_of(argv, number, flags, timeout_ms);
    CHECK(initlink_spawn(world.link, number, spawn, &world.e) == 0);
    free(spawn);
    return number;
}

int world_respawn(uint32_t number)
{
    struct init_spawn *spawn = spawn_of((const char *[]){"whatever", NULL}, number, 0, 0);
    int error = initlink_spawn(world.link, number, spawn, &world.e);
    free(spawn);
    return error;
}

struct seen *world_attach(uint32_t process, uint64_t from, uint32_t credit)
{
    CHECK(world.seen_count < SEEN_MAX);
    struct seen *s = &world.seen[world.seen_count++];
    *s = (struct seen){0};
    CHECK(initlink_attach(world.link, process, from, credit, &s->number, &world.e) == 0);
    return s;
}

void world_forget(void)
{
    world.seen_count = 0;
}

int world_state(uint32_t number)
{
    const struct initlink_process *process = initlink_find_process(world.link, number);
    return process && process->known ? (int)process->told.state : -1;
}

/* --- what the kernel says --- */

static bool is_inside(const char *name)
{
    char path[300], link[64] = {0};
    snprintf(path, sizeof path, "/proc/%s/ns/pid", name);
    return readlink(path, link, sizeof link - 1) > 0 && !strcmp(link, namespace_of_init);
}

int world_inside(void)
{
    int count = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && is_inside(entry->d_name);
    closedir(dir);
    return count;
}

long world_memory_kib(void)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", init_pid);
    FILE *f = fopen(path, "r");
    CHECK(f);
    while (fgets(line, sizeof line, f))
        (void)sscanf(line, "RssAnon: %ld", &kib);
    fclose(f);
    return kib;
}
