#include "tests/chaos/pools.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Takes the n-th of a pool: 0, or -1 with errno. */
typedef int take_fn(long n);

static int take_inotify(long n)
{
    return inotify_init1(0) < 0 ? -1 : 0;
}

static int take_aio(long n)
{
    aio_context_t context = 0;
    return (int)syscall(SYS_io_setup, 500, &context);
}

static int take_key(long n)
{
    char name[32];
    snprintf(name, sizeof name, "corral-%ld", n);
    return syscall(SYS_add_key, "user", name, "x", 1, -2 /* per process */) < 0 ? -1 : 0;
}

static int take_mqueue(long n)
{
    char name[32];
    struct mq_attr attr = {.mq_maxmsg = 8, .mq_msgsize = 8192};
    snprintf(name, sizeof name, "/corral-%ld", n);
    return mq_open(name, O_CREAT | O_RDWR, 0600, &attr) < 0 ? -1 : 0;
}

static int take_signal(long n)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return sigqueue(getpid(), SIGRTMIN + 3, (union sigval){0});
}

static int take_semaphore(long n)
{
    return semget(IPC_PRIVATE, 1, 0600) < 0 ? -1 : 0;
}

static int take_shm(long n)
{
    return shmget(IPC_PRIVATE, 4096, 0600) < 0 ? -1 : 0;
}

static int take_message_queue(long n)
{
    return msgget(IPC_PRIVATE, 0600) < 0 ? -1 : 0;
}

static int take_lock(long n)
{
    static int fd = -1;
    if (fd < 0)
        fd = open("/tmp/locked", O_CREAT | O_RDWR, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2 * n, .l_len = 1};
    return fcntl(fd, F_SETLK, &lock);
}

static int take_pty(long n)
{
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    return fd < 0 ? -1 : 0;
}

/* ENOBUFS: the buffer is smaller than a pipe's. */
static int take_pipe(long n)
{
    int ends[2];
    if (pipe(ends))
        return -1;
    if (fcntl(ends[1], F_GETPIPE_SZ) >= 65536)
        return 0;
    errno = ENOBUFS;
    return -1;
}

/* Descriptors on their way through a socket are counted for the user. */
static int take_flight(long n)
{
    static int ends[2] = {-1, -1};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    if (n % 10 == 0 && socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends))
        return -1;
    char byte = 0;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    control.header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
    if (sendmsg(ends[0], &message, 0) == 1)
        return 0;
    return errno == EAGAIN ? 0 : -1; /* this one is full: goes on with the next */
}

/* A socket that got data which nobody reads; ENOBUFS: it took none. */
static int take_socket(long n)
{
    static char block[60000];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof to;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&to, len) || getsockname(fd, (struct sockaddr *)&to, &len) ||
        connect(fd, (struct sockaddr *)&to, len))
        return -1;
    for (int i = 0; i < 4 && send(fd, block, sizeof block, MSG_DONTWAIT) > 0; i++)
        ;
    if (recv(fd, block, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
        return 0;
    errno = ENOBUFS;
    return -1;
}

static int take_process(long n)
{
    pid_t pid = fork();
    if (!pid) {
        for (;;)
            pause();
    }
    return pid < 0 ? -1 : 0;
}

/* The most of each kind: all kinds together need fewer descriptors than a sandbox of tier pro may open. */
static const struct pool {
    const char *name;
    take_fn *take;
    long most;
} pools[] = {
    {"aio", take_aio, 1000},
    {"keys", take_key, 1000},
    {"sigpending", take_signal, 200000},
    {"sysv-semaphores", take_semaphore, 1000},
    {"sysv-shm", take_shm, 1000},
    {"sysv-queues", take_message_queue, 1000},
    {"locks", take_lock, 1000},
    {"mqueue", take_mqueue, 100},
    {"inotify", take_inotify, 1000},
    {"flight", take_flight, 5000},
    {"ptys", take_pty, 600},
    {"pipes", take_pipe, 1100},
    {"sockets", take_socket, 600},
    {"processes", take_process, 1000},
};

void take_pools(bool one_of_each)
{
    for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
        long n = 0, most = one_of_each ? 1 : pools[i].most;
        errno = 0;
        while (n < most && !pools[i].take(n))
            n++;
        printf("%s %ld %s\n", pools[i].name, n, n < most ? strerrorname_np(errno) : "OK");
        fflush(stdout);
    }
    puts("end");
    fflush(stdout);
    for (;;)
        pause();
}
