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
 *   hostile dentries FOLDER COUNT         looks for so many files that are not there
 *   hostile sockets udp|tcp COUNT         fills the buffers of so many that nobody reads, says so, stays
 *   hostile udp                           sends to itself over the loopback as fast as it can
 *   hostile work SECONDS [again]          counts what it computes in that time, says so, stays (or again)
 *   hostile pools [one]                   takes all of what the kernel has for all (one: one of each), stays
 *   hostile escapes                       tries what must fail, says how each went, stays
 *   hostile int80                         makes a system call of 32 bits
 */
#include "tests/chaos/escapes.h"
#include "tests/chaos/pools.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB 1048576u

static void pass(long ns)
{
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    nanosleep(&t, NULL);
}

static void stay_for_ever(void)
{
    for (;;)
        pause();
}

static void take_memory(const char *mib_text, const char *per_second_text)
{
    long mib = atol(mib_text), per_second = atol(per_second_text);
    for (long i = 0; i < mib; i++) {
        char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            exit(3);
        memset(p, 1, MIB);
        if (per_second)
            pass(1000000000 / per_second);
    }
    stay_for_ever();
}

static void take_at_once(const char *mib, const char *two)
{
    size_t size = (size_t)atol(mib) * MIB;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    exit(p == MAP_FAILED ? 3 : 4);
}

static void read_again(const char *path, const char *times)
{
    static char block[MIB];
    for (long i = 0; i < atol(times); i++) {
        int fd = open(path, O_RDONLY);
        if (fd < 0)
            exit(4);
        while (read(fd, block, sizeof block) > 0)
            ;
        close(fd);
    }
}

static void fork_for_ever(const char *one, const char *two)
{
    for (;;)
        fork();
}

static void make_files(const char *folder, const char *two)
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

static void open_files(const char *one, const char *two)
{
    long n = 0;
    while (open("/dev/null", O_RDONLY) >= 0)
        n++;
    int why = errno;
    close(5);
    printf("%ld descriptors: %s\n", n, strerror(why));
    fflush(stdout);
    stay_for_ever();
}

static void spin(const char *threads, const char *two)
{
    for (long i = 1; i < atol(threads); i++) {
        if (!fork())
            break;
    }
    for (volatile unsigned long n = 0;; n++)
        ;
}

static void flood_log(const char *one, const char *two)
{
    for (;;)
        puts("a line that nobody asked for, and that somebody has to keep, and another after it, and so on");
}

static void be_stubborn(const char *one, const char *two)
{
    for (int s = 1; s < 64; s++)
        signal(s, SIG_IGN);
    stay_for_ever();
}

/* Names that are too long to be kept inside their dentries. */
static void look_for_files(const char *folder, const char *count)
{
    char path[256];
    struct stat st;
    for (long i = 0; i < atol(count); i++) {
        snprintf(path, sizeof path, "%s/a-name-that-is-not-there-and-is-remembered-all-the-same-%ld", folder,
                 i);
        if (!stat(path, &st))
            exit(5);
    }
}

static void flood_loopback(const char *one, const char *two)
{
    static char datagram[1400];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9999), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
    if (in < 0 || out < 0 || bind(in, (struct sockaddr *)&to, sizeof to))
        exit(6);
    if (!fork()) {
        for (;;)
            recv(in, datagram, sizeof datagram, 0);
    }
    for (;;)
        sendto(out, datagram, sizeof datagram, 0, (struct sockaddr *)&to, sizeof to);
}

/* As large as the node allows. */
static int wide_socket(int type)
{
    int size = 1 << 30, fd = socket(AF_INET, type, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return fd;
}

static void fill_socket(int fd)
{
    static char block[60000];
    for (int i = 0; i < 64 && send(fd, block, sizeof block, MSG_DONTWAIT) > 0; i++)
        ;
}

static void fill_sockets(const char *kind, const char *count)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof to;
    bool tcp = !strcmp(kind, "tcp");
    int listener = wide_socket(SOCK_STREAM);
    if (bind(listener, (struct sockaddr *)&to, len) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&to, &len))
        exit(6);
    for (long i = 0; i < atol(count); i++) {
        int fd = wide_socket(tcp ? SOCK_STREAM : SOCK_DGRAM);
        if (!tcp) {
            to.sin_port = 0;
            bind(fd, (struct sockaddr *)&to, len);
            getsockname(fd, (struct sockaddr *)&to, &len);
        }
        if (connect(fd, (struct sockaddr *)&to, len))
            exit(7);
        fill_socket(fd);
        if (tcp)
            fill_socket(accept(listener, NULL, NULL));
    }
    printf("%s sockets are full\n", count);
    fflush(stdout);
    stay_for_ever();
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void work_once(uint64_t end)
{
    unsigned long rounds = 0;
    uint64_t sum = 1;
    for (; now_ns() < end; rounds++) {
        for (int i = 0; i < 20000; i++)
            sum = sum * 6364136223846793005u + 1442695040888963407u;
    }
    printf("%lu rounds %d\n", rounds, (int)(sum & 1));
    fflush(stdout);
}

static void work(const char *seconds, const char *again)
{
    do
        work_once(now_ns() + (uint64_t)atol(seconds) * 1000000000);
    while (!strcmp(again, "again"));
    stay_for_ever();
}

static void call_as_32_bits(const char *one, const char *two)
{
#ifdef __x86_64__
    long got;
    __asm__ volatile("int $0x80" : "=a"(got) : "a"(20L) : "memory"); /* getpid */
    printf("%ld\n", got);
#endif
}

static void take_of_pools(const char *one, const char *two)
{
    take_pools(one && !strcmp(one, "one"));
}

static void try_escapes(const char *one, const char *two)
{
    escapes_try(stdout);
    fflush(stdout);
    stay_for_ever();
}

static const struct {
    const char *name;
    void (*run)(const char *one, const char *two);
} all[] = {{"memory", take_memory}, {"burst", take_at_once},      {"read", read_again},
           {"fork", fork_for_ever}, {"files", make_files},        {"open", open_files},
           {"spin", spin},          {"log", flood_log},           {"stubborn", be_stubborn},
           {"udp", flood_loopback}, {"dentries", look_for_files}, {"int80", call_as_32_bits},
           {"work", work},          {"sockets", fill_sockets},    {"pools", take_of_pools},
           {"escapes", try_escapes}};

int main(int argc, char **argv)
{
    const char *one = argc > 2 ? argv[2] : "1", *two = argc > 3 ? argv[3] : "0";
    for (size_t i = 0; argc > 1 && i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(argv[1], all[i].name))
            continue;
        all[i].run(one, two);
        return 0;
    }
    return 2;
}
