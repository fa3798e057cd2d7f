/*
 * corral-init: PID 1 of a sandbox. Idles or runs the command that the agent sends, reaps every orphan, and
 * ends with the command's own exit code. See init_proto.h for how it meets the agent.
 *
 * usage: corral-init [--listen] [SOCKET]
 *        corral-init --relay
 */
#include "agent/init/init_copy.h"
#include "agent/init/init_link.h"
#include "agent/init/init_proc.h"
#include "agent/init/init_relay.h"
#include "agent/init/init_streams.h"
#include "agent/init/init_wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long the agent has to acknowledge the command's end; after that the init exits, and Docker's exit code
 * must do. */
#define FAREWELL_MS 2000
/* How long the init delays its end until the last output is printed. */
#define LAST_OUTPUT_MS 200

struct init {
    struct init_link link;
    struct init_copy copy;
    struct init_proc proc;
    struct init_out out;
    struct init_streams streams;
    bool more_to_say; /* frames wait, and poll will not announce anything for them */
    int signal_fd;
    uint64_t ended_at_ms;
    bool told, acknowledged;
    bool has_environ; /* one was set, with this result */
    uint32_t environ_error;
    int stop_signal; /* the signal that ended an idle sandbox, else 0 */
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void send_exited(struct init *init)
{
    if (init->proc.state == INIT_MAIN_ENDED)
        init_link_send(&init->link, INIT_EXITED, INIT_MAIN, &init->proc.end, sizeof init->proc.end);
}

/* Kills what the command left behind at once, not only when the init exits. */
static void on_main_ended(struct init *init)
{
    init->ended_at_ms = now_ms();
    init->out.hurried = true;
    kill(-1, SIGKILL);
}

static void tell_end(struct init *init)
{
    if (init->told || init->proc.state != INIT_MAIN_ENDED)
        return;
    init->told = init_out_done(&init->out) || now_ms() - init->ended_at_ms >= LAST_OUTPUT_MS;
    if (init->told)
        send_exited(init);
}

static bool is_copied(const struct init *init)
{
    return init->copy.over && !init->copy.result.error;
}

static enum init_main_state state_of(const struct init *init)
{
    return is_copied(init) ? init->proc.state : INIT_MAIN_FRESH;
}

static void greet(struct init *init)
{
    struct init_hello hello = {.version = INIT_VERSION,
                               .main_state = (uint32_t)state_of(init),
                               .features = INIT_FEATURE_PROCESSES | INIT_FEATURE_FILES | INIT_FEATURE_HOLD |
                                           INIT_FEATURE_ARCHIVES | INIT_FEATURE_PORTS | INIT_FEATURE_WATCH |
                                           INIT_FEATURE_ENVIRON,
                               .next_process = init->streams.next_number};
    init_link_send(&init->link, INIT_HELLO, 0, &hello, sizeof hello);
    init_streams_linked(&init->streams);
    if (init->told)
        send_exited(init);
}

static bool tell_copied(struct init *init)
{
    return init_link_send(&init->link, INIT_COPIED, 0, &init->copy.result, sizeof init->copy.result);
}

/* Copies once. A repeated COPY is answered with the result, now or when there is one. */
static bool on_copy(struct init *init, const struct init_frame *frame)
{
    int tree = init_link_take_passed(&init->link);
    bool good = frame->len ? tree >= 0 && !frame->payload[frame->len - 1] : tree < 0;
    if (good && !init->copy.begun)
        init_copy_start(&init->copy, tree, frame->payload, frame->len);
    else if (tree >= 0)
        close(tree);
    return good && (!init->copy.over || tell_copied(init));
}

static void on_copy_result(struct init *init)
{
    init_copy_read(&init->copy);
    if (init->copy.over)
        tell_copied(init);
}

static bool on_start(struct init *init, const struct init_frame *frame)
{
    struct init_start start;
    if (frame->stream != INIT_MAIN || !is_copied(init) || !init_start_get(frame->payload, frame->len, &start))
        return false;
    if (init->proc.state == INIT_MAIN_IDLE) {
        init_proc_start(&init->proc, &start, &init->out);
        if (init->proc.state == INIT_MAIN_ENDED)
            on_main_ended(init);
    } else if (init->proc.state == INIT_MAIN_RUNNING && init->proc.error_fd < 0 && !init->proc.error) {
        return init_link_send(&init->link, INIT_STARTED, INIT_MAIN, NULL, 0);
    }
    return true;
}

/* All that is started inherits these, as it inherits what the container was made with. */
static int set_environ(const struct init_start *start)
{
    for (uint32_t i = 0; i < start->envc; i++) {
        char *copy = strdup(start->env[i]); /* the environment's from now on */
        if (!copy || putenv(copy) != 0)
            return ENOMEM;
    }
    struct rlimit files = {start->nofile, start->nofile};
    if (start->nofile && setrlimit(RLIMIT_NOFILE, &files) != 0)
        return errno;
    return start->cwd[0] && chdir(start->cwd) != 0 ? errno : 0;
}

/* Once, before the command: a sandbox takes over a container that was made for nobody. */
static bool on_environ(struct init *init, const struct init_frame *frame)
{
    struct init_start start;
    if (frame->stream || !is_copied(init) || !init_environ_get(frame->payload, frame->len, &start))
        return false;
    if (!init->has_environ && init->proc.state == INIT_MAIN_IDLE)
        init->environ_error = (uint32_t)set_environ(&start);
    else if (!init->has_environ)
        return false;
    init->has_environ = true;
    return init_link_send(&init->link, INIT_ENVIRON_SET, 0, &init->environ_error, sizeof init->environ_error);
}

static bool on_signal_frame(struct init *init, const struct init_frame *frame)
{
    struct init_signal signal;
    memcpy(&signal, frame->payload, sizeof signal);
    if (signal.signo < 1 || signal.signo > 64 || frame->stream != INIT_MAIN)
        return false;
    if (signal.everything)
        kill(-1, signal.signo);
    else
        init_proc_signal(&init->proc, signal.signo);
    return true;
}

/* The errno with which another process is refused; 0: it may start. */
static int refuses_processes(const struct init *init)
{
    if (init->proc.state == INIT_MAIN_ENDED)
        return ESHUTDOWN;
    return is_copied(init) ? 0 : EAGAIN;
}

/* False if the agent may not send this frame: the link ends. */
static bool on_frame(struct init *init, const struct init_frame *frame)
{
    if (init_streams_serves(frame))
        return init_streams_frame(&init->streams, frame, refuses_processes(init), now_ms());
    switch (frame->type) {
    case INIT_PING:
        return init_link_send(&init->link, INIT_PONG, 0, frame->payload, frame->len);
    case INIT_COPY:
        return on_copy(init, frame);
    case INIT_START:
        return on_start(init, frame);
    case INIT_ENVIRON:
        return on_environ(init, frame);
    case INIT_SIGNAL:
        return on_signal_frame(init, frame);
    case INIT_EXITED_ACK:
        init->acknowledged = init->proc.state == INIT_MAIN_ENDED;
        return true;
    default:
        return false;
    }
}

static bool serve_frames(struct init *init)
{
    struct init_frame frame;
    int got;
    while ((got = init_link_next(&init->link, &frame)) > 0)
        if (!on_frame(init, &frame))
            return false;
    return got == 0;
}

static void serve_link(struct init *init, short happened)
{
    bool good = true;
    if (happened & (POLLIN | POLLHUP | POLLERR))
        good = init_link_receive(&init->link);
    good = good && serve_frames(init);
    init->more_to_say = good && init_streams_send(&init->streams);
    good = good && init_link_flush(&init->link);
    init->more_to_say &= !init->link.out_len;
    if (good)
        return;
    init_link_close(&init->link, now_ms());
    init_streams_unlinked(&init->streams);
}

static void reap(struct init *init)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        init_streams_reaped(&init->streams, pid, status, now_ms());
        if (init->proc.state != INIT_MAIN_RUNNING || pid != init->proc.pid)
            continue;
        init_proc_reaped(&init->proc, status);
        on_main_ended(init);
    }
}

static void on_signals(struct init *init)
{
    struct signalfd_siginfo info;
    while (read(init->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap(init);
        else if (init->proc.state == INIT_MAIN_RUNNING)
            init_proc_signal(&init->proc, (int)info.ssi_signo);
        else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            init->stop_signal = (int)info.ssi_signo;
    }
}

static void on_program(struct init *init)
{
    if (init_proc_read_error(&init->proc))
        init_link_send(&init->link, INIT_STARTED, INIT_MAIN, NULL, 0);
}

/* The shorter of two waits; -1 means without end. */
static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int wait_ms(const struct init *init)
{
    int wait = init->link.fd < 0 ? init_link_retry_ms(&init->link, now_ms()) : -1;
    if (init->more_to_say)
        return 0;
    return init->proc.state == INIT_MAIN_ENDED ? sooner(wait, 100) : wait;
}

static bool finished(const struct init *init)
{
    if (init->stop_signal)
        return true;
    if (init->proc.state != INIT_MAIN_ENDED)
        return false;
    return init->acknowledged || now_ms() - init->ended_at_ms >= FAREWELL_MS;
}

/* Indexes of the polled descriptors; those of the processes follow. */
enum { FD_SIGNALS, FD_PROGRAM, FD_LINK, FD_COPY, FD_OUTS, FD_STREAMS = FD_OUTS + INIT_OUT_STREAMS };

static void turn(struct init *init)
{
    static struct pollfd fds[FD_STREAMS + INIT_STREAMS_FDS];
    int wait;
    if (init->link.fd < 0 && init_link_connect(&init->link))
        greet(init);
    fds[FD_SIGNALS] = (struct pollfd){.fd = init->signal_fd, .events = POLLIN};
    fds[FD_PROGRAM] = (struct pollfd){.fd = init->proc.error_fd, .events = POLLIN};
    fds[FD_LINK] =
        (struct pollfd){.fd = init_link_polled(&init->link), .events = init_link_events(&init->link)};
    fds[FD_COPY] = (struct pollfd){.fd = init->copy.result_fd, .events = POLLIN};
    size_t count = init_streams_poll(&init->streams, &fds[FD_STREAMS], now_ms(), &wait);
    wait = sooner(wait, init_out_poll(&init->out, now_ms(), &fds[FD_OUTS]));
    if (init_wait(fds, FD_STREAMS + count, sooner(wait, wait_ms(init))) < 0)
        return;
    init_out_move(&init->out, &fds[FD_OUTS]);
    init_streams_move(&init->streams, &fds[FD_STREAMS]);
    if (fds[FD_COPY].revents)
        on_copy_result(init);
    if (fds[FD_PROGRAM].revents)
        on_program(init);
    if (fds[FD_SIGNALS].revents)
        on_signals(init);
    init_streams_tick(&init->streams, now_ms());
    if (init->link.fd >= 0)
        serve_link(init, fds[FD_LINK].revents);
    tell_end(init);
}

/* All signals that can be caught are read from a descriptor, so nothing interrupts the loop. */
static int open_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    /*
     * SIGPIPE is ignored: it comes from writing to a process that does not read, not from outside. It is not
     * blocked, either: a blocked signal is queued although it is ignored, and would be passed to the command.
     */
    for (const int *s = (const int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPIPE, 0}; *s; s++)
        sigdelset(&all, *s);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Prints why to stderr, the container's log, and returns Docker's code for a failure of the runtime. */
static int refuse(const char *why)
{
    ssize_t n = write(STDERR_FILENO, why, strlen(why));
    (void)n; /* nothing else can be done */
    return 125;
}

/* Without a socket for relays only their sandbox's start fails, or its next link. */
static void open_link(struct init *init, int argc, char **argv)
{
    bool listens = argc > 1 && !strcmp(argv[1], INIT_ARG_LISTEN);
    const char *path = argv[1 + listens];
    init_link_init(&init->link, argc > 1 + listens ? path : INIT_LINK_FOLDER "/" INIT_SOCKET_NAME, now_ms());
    if (listens)
        (void)init_link_listen(&init->link);
}

int main(int argc, char **argv)
{
    static struct init init;
    if (argc > 1 && !strcmp(argv[1], INIT_ARG_RELAY))
        return prctl(PR_SET_DUMPABLE, 0) == 0 ? init_relay(STDIN_FILENO, STDOUT_FILENO) : 125;
    if (getpid() != 1)
        return refuse("corral-init: runs only as PID 1 of a sandbox\n");
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || (init.signal_fd = open_signals()) < 0)
        return refuse("corral-init: the kernel refused signalfd or prctl\n");
    init_copy_init(&init.copy);
    init_proc_init(&init.proc);
    init_out_init(&init.out, now_ms());
    init_streams_init(&init.streams, &init.link);
    open_link(&init, argc, argv);
    while (!finished(&init))
        turn(&init);
    return init.stop_signal ? 128 + init.stop_signal : init_exit_status(&init.proc.end);
}
