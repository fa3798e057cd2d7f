/*
 * Drives the real corral-init, process 1 of a namespace of process ids and with a user of its own as in a
 * sandbox, through the agent's end of the link. usage: init_streams FOLDER   (with corral-init in it)
 */
#include "agent/initlink/initlink_process.h"
#include "tests/integration/init_world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KIB   1024u
#define MIB   (1024u * KIB)
#define LARGE (64u * MIB) /* credit for all output of a test */

static uint32_t sh(const char *script)
{
    return world_spawn((const char *[]){"/bin/sh", "-c", script, NULL}, 0, 0);
}

static const struct init_process *ended(uint32_t number)
{
    UNTIL(world_state(number) == INIT_ENDED);
    return &initlink_find_process(world.link, number)->told;
}

static void expect_end(uint32_t number, uint32_t kind, int value)
{
    const struct init_process *p = ended(number);
    CHECK(p->exit.kind == kind);
    CHECK(p->exit.value == value);
}

static void test_exact_ends(void)
{
    expect_end(world_spawn((const char *[]){"true", NULL}, 0, 0), INIT_EXIT_CODE, 0);
    expect_end(sh("exit 7"), INIT_EXIT_CODE, 7);
    expect_end(sh("kill -9 $$"), INIT_EXIT_SIGNAL, SIGKILL);
    uint32_t missing = world_spawn((const char *[]){"/no/such/program", NULL}, 0, 0);
    expect_end(missing, INIT_EXIT_NOT_STARTED, ENOENT);
    CHECK(init_exit_status(&initlink_find_process(world.link, missing)->told.exit) == 127);
    uint32_t no_program = world_spawn((const char *[]){"/etc/passwd", NULL}, 0, 0);
    expect_end(no_program, INIT_EXIT_NOT_STARTED, EACCES);
    CHECK(init_exit_status(&initlink_find_process(world.link, no_program)->told.exit) == 126);
}

static void test_output_of_both_channels(void)
{
    uint32_t p = sh("echo out; echo err >&2");
    struct seen *s = world_attach(p, 0, LARGE);
    UNTIL(s->detached);
    CHECK(s->reason == INIT_DETACH_ENDED && s->position == 8);
    CHECK(!strcmp(s->text[0], "out\n") && !strcmp(s->text[1], "err\n"));
}

/* The end does not wait for children in the background; they may go on printing, and they live. */
static void test_children_in_the_background_live_on(void)
{
    uint32_t p = sh("(for i in 1 2 3 4 5; do sleep 0.1; echo more; done; exec sleep 1000) & echo $!");
    struct seen *s = world_attach(p, 0, LARGE);
    expect_end(p, INIT_EXIT_CODE, 0);
    UNTIL(s->detached);
    char script[128];
    snprintf(script, sizeof script, "while ! grep -q sleep /proc/%d/comm; do :; done; kill -0 %d",
             atoi(s->text[0]), atoi(s->text[0]));
    expect_end(sh(script), INIT_EXIT_CODE, 0);
    CHECK(initlink_kill_process(world.link, p, &world.e) == 0); /* also when the process itself has ended */
    UNTIL(world_inside() == 1);
}

static void test_a_flood_is_cut_where_the_command_ends(void)
{
    uint32_t p = sh("yes & exit 3");
    expect_end(p, INIT_EXIT_CODE, 3);
    CHECK(initlink_kill_process(world.link, p, &world.e) == 0);
    UNTIL(world_inside() == 1);
}

/* Ten MiB through cat; at first nobody reads the output. */
static void test_a_reader_that_stops_stops_the_writer(void)
{
    static uint8_t piece[16 * KIB];
    uint32_t p = world_spawn((const char *[]){"cat", NULL}, INIT_PROCESS_STDIN, 0);
    struct seen *s = world_attach(p, 0, 0);
    size_t total = 10 * MIB, sent = 0, n;
    UNTIL(world_state(p) == INIT_RUNNING);
    long memory = world_memory_kib();
    memset(piece, 'x', sizeof piece);
    uint64_t quiet_since = loop_now_ms();
    while (sent <= INIT_RING_MAX || loop_now_ms() - quiet_since < 500) { /* until nothing is taken any more */
        CHECK(initlink_stdin(world.link, p, piece, sizeof piece, &n, &world.e) == 0);
        sent += n;
        quiet_since = n ? loop_now_ms() : quiet_since;
        world_turn(10);
    }
    CHECK(sent < MIB);
    CHECK(s->bytes == 0);
    CHECK(world_memory_kib() - memory < 600);
    CHECK(initlink_credit(world.link, s->number, LARGE, &world.e) == 0);
    while (sent < total) {
        size_t len = total - sent < sizeof piece ? total - sent : sizeof piece;
        (void)!initlink_stdin(world.link, p, piece, len, &n, &world.e); /* the queue is full: later */
        sent += n;
        if (!n)
            world_turn(10);
    }
    CHECK(initlink_stdin_end(world.link, p, &world.e) == 0);
    expect_end(p, INIT_EXIT_CODE, 0);
    UNTIL(s->detached);
    CHECK(s->bytes == total && s->position == total);
    CHECK(initlink_find_process(world.link, p)->told.stdin_taken == total);
    CHECK(world_memory_kib() - memory < 600);
}

static void test_a_terminal_echoes_and_has_a_size(void)
{
    size_t n;
    uint32_t p = world_spawn((const char *[]){"/bin/sh", "-c", "read x; stty size; echo $TERM; cat", NULL},
                             INIT_PROCESS_TTY | INIT_PROCESS_STDIN, 0);
    struct seen *s = world_attach(p, 0, LARGE);
    UNTIL(world_state(p) == INIT_RUNNING);
    CHECK(initlink_resize(world.link, p, 40, 100, &world.e) == 0);
    CHECK(initlink_stdin(world.link, p, (const uint8_t *)"hi\n", 3, &n, &world.e) == 0 && n == 3);
    UNTIL(strstr(s->text[0], "xterm"));
    CHECK(!strcmp(s->text[0], "hi\r\n40 100\r\nxterm\r\n"));
    CHECK(initlink_stdin_end(world.link, p, &world.e) == 0);
    expect_end(p, INIT_EXIT_CODE, 0);
    UNTIL(s->detached);
    CHECK(s->reason == INIT_DETACH_ENDED);
    CHECK(initlink_find_process(world.link, p)->told.rows == 40);
}

static void test_a_hundred_at_once(void)
{
    uint32_t p[100];
    size_t n;
    for (int i = 0; i < 100; i++)
        p[i] = world_spawn((const char *[]){"/bin/sh", "-c", "read x; exit $x", NULL}, INIT_PROCESS_STDIN, 0);
    for (int i = 0; i < 100; i++)
        UNTIL(world_state(p[i]) == INIT_RUNNING);
    CHECK(world_inside() == 101);
    for (int i = 0; i < 100; i++) {
        char line[8];
        snprintf(line, sizeof line, "%d\n", i);
        CHECK(initlink_stdin(world.link, p[i], (const uint8_t *)line, strlen(line), &n, &world.e) == 0 && n);
    }
    for (int i = 0; i < 100; i++)
        expect_end(p[i], INIT_EXIT_CODE, i);
}

static int count_in_state(const uint32_t *p, int len, enum init_process_state state)
{
    int count = 0;
    for (int i = 0; i < len; i++)
        count += world_state(p[i]) == (int)state;
    return count;
}

static void test_more_than_may_run_are_refused(void)
{
    uint32_t p[INIT_RUNNING_MAX + 1];
    for (int i = 0; i <= INIT_RUNNING_MAX; i++)
        p[i] = world_spawn((const char *[]){"sleep", "1000", NULL}, 0, 0);
    UNTIL(world.refused == p[INIT_RUNNING_MAX]);
    CHECK(world.refused_with == EAGAIN);
    for (int i = 0; i < INIT_RUNNING_MAX; i++)
        CHECK(initlink_kill_process(world.link, p[i], &world.e) == 0);
    UNTIL(world_inside() == 1);
    UNTIL(count_in_state(p, INIT_RUNNING_MAX, INIT_RUNNING) == 0);
    CHECK(count_in_state(p, INIT_RUNNING_MAX, INIT_ENDED) == INIT_ENDED_MAX);
}

/* Whatever system calls they made, and whatever their parents are by now. */
static void test_a_timeout_kills_the_whole_tree(void)
{
    uint32_t other = world_spawn((const char *[]){"sleep", "1000", NULL}, 0, 0);
    uint32_t p =
        world_spawn((const char *[]){"/bin/sh", "-c",
                                     "(setsid sh -c '(sleep 1000 &); sleep 1000' &); (setsid sleep 1000 &);"
                                     "trap '' TERM HUP INT; env -i setsid sleep 1000 & sleep 1000",
                                     NULL},
                    0, 6000);
    UNTIL(world_inside() >= 7);
    const struct init_process *end = ended(p);
    CHECK(end->flags & INIT_PROCESS_TIMED_OUT && end->exit.kind == INIT_EXIT_SIGNAL);
    UNTIL(world_inside() == 2);
    CHECK(world_state(other) == INIT_RUNNING);
    CHECK(initlink_signal_process(world.link, other, SIGTERM, &world.e) == 0);
    expect_end(other, INIT_EXIT_SIGNAL, SIGTERM);
}

/* Each of its processes ends before the init can have seen it. */
static void test_a_process_that_always_forks_is_killed(void)
{
    uint32_t p = sh("c() { c & exit 0; }; c");
    uint32_t bomb = sh("b() { b | b & b; }; trap '' TERM; b 2>/dev/null");
    UNTIL(world_inside() > 20);
    CHECK(initlink_kill_process(world.link, p, &world.e) == 0);
    CHECK(initlink_kill_process(world.link, bomb, &world.e) == 0);
    UNTIL(world_inside() == 1);
    CHECK(ended(p) && ended(bomb));
}

static void test_output_is_kept_without_a_client(void)
{
    uint32_t p = sh("head -c 100000 /dev/zero | tr '\\0' a");
    expect_end(p, INIT_EXIT_CODE, 0);
    struct seen *s = world_attach(p, 50000, LARGE);
    UNTIL(s->detached);
    CHECK(s->attached.status == INIT_ATTACH_DONE && s->bytes == 50000);
    struct seen *ahead = world_attach(p, 100001, LARGE);
    UNTIL(ahead->answered);
    CHECK(ahead->attached.status == INIT_ATTACH_AHEAD);
    struct seen *none = world_attach(p + 1000, 0, LARGE);
    UNTIL(none->answered);
    CHECK(none->attached.status == INIT_ATTACH_NO_PROCESS);
}

/* The process runs to its end, and the output before the ring's is lost. */
static void test_without_a_client_nothing_waits(void)
{
    uint32_t p = sh("head -c 1000000 /dev/zero; echo last >&2");
    expect_end(p, INIT_EXIT_CODE, 0);
    struct seen *gone = world_attach(p, 0, LARGE);
    UNTIL(gone->answered);
    CHECK(gone->attached.status == INIT_ATTACH_GONE && gone->attached.oldest == 1000005 - INIT_RING_MAX);
    struct seen *s = world_attach(p, INIT_FROM_OLDEST, LARGE);
    UNTIL(s->detached);
    CHECK(s->bytes == INIT_RING_MAX && !strcmp(s->text[1], "last\n"));
}

static void test_the_fastest_client_sets_the_pace(void)
{
    uint32_t q = world_spawn((const char *[]){"/bin/sh", "-c", "read x; head -c 1000000 /dev/zero", NULL},
                             INIT_PROCESS_STDIN, 0);
    size_t n;
    struct seen *slow = world_attach(q, 0, 0), *fast = world_attach(q, 0, 300 * KIB);
    CHECK(initlink_stdin(world.link, q, (const uint8_t *)"\n", 1, &n, &world.e) == 0);
    UNTIL(fast->bytes == 300 * KIB);
    UNTIL(slow->detached);
    CHECK(slow->reason == INIT_DETACH_BEHIND && slow->bytes == 0);
    CHECK(world_state(q) == INIT_RUNNING); /* the process waits for the fast reader */
    CHECK(initlink_credit(world.link, fast->number, LARGE, &world.e) == 0);
    UNTIL(fast->detached);
    CHECK(fast->reason == INIT_DETACH_ENDED && fast->bytes == 1000000);
}

/* The process that ended first is forgotten first; the memory of process 1 stays within its bound. */
static void test_all_rings_are_bounded(void)
{
    uint32_t p[20];
    for (int i = 0; i < 20; i++) {
        p[i] = sh("head -c 1000000 /dev/zero");
        expect_end(p[i], INIT_EXIT_CODE, 0);
    }
    CHECK(world_memory_kib() < 4096);
    struct seen *first = world_attach(p[0], INIT_FROM_OLDEST, LARGE),
                *last = world_attach(p[19], INIT_FROM_OLDEST, LARGE);
    UNTIL(first->detached && last->detached);
    CHECK(first->bytes == 0 && first->position == 1000000);
    CHECK(last->bytes == INIT_RING_MAX);
    CHECK(initlink_bound_output(world.link, 16 * 600 * KIB, &world.e) == 0);
    expect_end(sh("head -c 1000000 /dev/zero"), INIT_EXIT_CODE, 0);
    struct seen *before = world_attach(p[17], INIT_FROM_OLDEST, LARGE);
    UNTIL(before->detached);
    CHECK(before->bytes == 0);
    CHECK(initlink_bound_output(world.link, 1ull << 30, &world.e) == 0);
}

static void test_a_lost_link_is_met_again(void)
{
    size_t n;
    uint32_t p = world_spawn((const char *[]){"/bin/sh", "-c", "while read x; do echo got $x; done", NULL},
                             INIT_PROCESS_STDIN, 0);
    struct seen *s = world_attach(p, 0, LARGE);
    CHECK(initlink_stdin(world.link, p, (const uint8_t *)"one\n", 4, &n, &world.e) == 0);
    UNTIL(s->bytes == 8);
    int pid = initlink_find_process(world.link, p)->told.pid;
    world_link_again();
    const struct initlink_process *again = initlink_find_process(world.link, p);
    CHECK(again && again->told.pid == pid && again->told.state == INIT_RUNNING &&
          again->told.stdin_taken == 4);
    CHECK(again->told.note_len == 4 && !memcmp(again->note, "note", 4));
    CHECK(initlink_next_process(world.link) == p + 1);
    CHECK(world_respawn(p) == 0); /* as an agent does that got no answer */
    s = world_attach(p, 8, LARGE);
    CHECK(initlink_stdin(world.link, p, (const uint8_t *)"two\n", 4, &n, &world.e) == 0);
    UNTIL(s->bytes == 8);
    CHECK(!strcmp(s->text[0], "got two\n"));
    CHECK(initlink_find_process(world.link, p)->told.pid == pid && world_inside() == 2);
    CHECK(initlink_stdin_end(world.link, p, &world.e) == 0);
    expect_end(p, INIT_EXIT_CODE, 0);
}

/* Each bad frame costs the link, and nothing else. */
/* Once, for all that starts after; an answer for each, and the first one counts. */
static void test_an_environment_for_all_that_starts(void)
{
    static struct init_start start = {
        .cwd = "/tmp", .envc = 2, .env = {"CORRAL_WARM=a b", "HOME=/somewhere"}};
    static struct init_start other = {.cwd = "/", .envc = 1, .env = {"CORRAL_WARM=other"}};
    CHECK(initlink_environ(world.link, &start, &world.e) == 0);
    CHECK(initlink_environ(world.link, &other, &world.e) == 0);
    UNTIL(world.environs == 2);
    uint32_t p = sh("echo \"$CORRAL_WARM $HOME\"");
    struct seen *s = world_attach(p, 0, LARGE);
    expect_end(p, INIT_EXIT_CODE, 0);
    UNTIL(s->detached);
    CHECK(!strcmp(s->text[0], "a b /somewhere\n"));
    world_link_again();
    CHECK(initlink_environ(world.link, &other, &world.e) == 0);
    UNTIL(world.environs == 3);
    expect_end(sh("[ \"$CORRAL_WARM\" = 'a b' ]"), INIT_EXIT_CODE, 0);
}

static void test_frames_that_break_the_rules(void)
{
    uint32_t p = world_spawn((const char *[]){"sleep", "1000", NULL}, 0, 0);
    UNTIL(world_state(p) == INIT_RUNNING);
    static const struct init_head heads[] = {
        {.len = 0, .stream = 1, .type = 99},
        {.len = 1u << 31, .stream = 2, .type = INIT_SPAWN},
        {.len = 4, .stream = 0, .type = INIT_CREDIT},
        {.len = 16, .stream = 0, .type = INIT_ATTACH},
        {.len = 0, .stream = 1, .type = INIT_KILL},
        {.len = 64, .stream = 2, .type = INIT_SPAWN},
        {.len = 30000, .stream = 2, .type = INIT_STDIN},
        {.len = 8, .stream = 0, .type = INIT_HELLO},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct init_head head = heads[i];
        if (head.type == INIT_STDIN)
            head.stream = p;
        world_say_raw(&head);
    }
    world_link_again();
    CHECK(world_state(p) == INIT_RUNNING);
    CHECK(initlink_kill_process(world.link, p, &world.e) == 0);
    expect_end(p, INIT_EXIT_SIGNAL, SIGKILL);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* As many as its descriptors allow; those that it needs to kill them are left. */
static void test_no_more_than_it_has_descriptors_for(void)
{
    uint32_t first = initlink_next_process(world.link), last;
    world_bound_files(64);
    world.refused = 0;
    do {
        last = world_spawn((const char *[]){"sleep", "1000", NULL}, 0, 1000);
        UNTIL(world.refused == last || world_state(last) == INIT_RUNNING);
    } while (!world.refused);
    CHECK(world.refused_with == EMFILE && last - first > 8);
    expect_end(first, INIT_EXIT_SIGNAL, SIGKILL); /* its time is over */
    expect_end(last - 1, INIT_EXIT_SIGNAL, SIGKILL);
    expect_end(sh("exit 4"), INIT_EXIT_CODE, 4);
    world_bound_files(1024);
}

/* It has more open than it may have: it starts nothing, but still answers, and ends what runs. */
static void test_it_waits_also_without_a_right_to_descriptors(void)
{
    uint32_t timed = world_spawn((const char *[]){"sleep", "1000", NULL}, 0, 500);
    uint32_t killed = world_spawn((const char *[]){"sleep", "1000", NULL}, 0, 0);
    uint32_t talks = sh("sleep 1; echo there; exit 5");
    UNTIL(world_state(timed) == INIT_RUNNING && world_state(killed) == INIT_RUNNING &&
          world_state(talks) == INIT_RUNNING);
    struct seen *s = world_attach(talks, 0, LARGE);
    world_bound_files(1);
    expect_end(timed, INIT_EXIT_SIGNAL, SIGKILL);
    CHECK(initlink_kill_process(world.link, killed, &world.e) == 0);
    expect_end(killed, INIT_EXIT_SIGNAL, SIGKILL);
    expect_end(talks, INIT_EXIT_CODE, 5);
    UNTIL(s->detached);
    CHECK(!strcmp(s->text[0], "there\n"));
    uint32_t more = sh("exit 0");
    UNTIL(world.refused == more);
    CHECK(world.refused_with == EMFILE);
    world_bound_files(1024);
    expect_end(sh("exit 6"), INIT_EXIT_CODE, 6);
}

static void measure(void)
{
    uint64_t took[200];
    for (size_t i = 0; i < 200; i++) {
        uint64_t before = world_us();
        uint32_t p = world_spawn((const char *[]){"/bin/true", NULL}, 0, 0);
        struct seen *s = world_attach(p, 0, LARGE);
        UNTIL(s->detached);
        took[i] = world_us() - before;
    }
    qsort(took, 200, sizeof took[0], by_value);
    printf("exec of true: p50 %lu us, p95 %lu us; process 1 has %ld KiB\n", took[100], took[190],
           world_memory_kib());
}

int main(int argc, char **argv)
{
    static void (*const tests[])(void) = {
        test_exact_ends,
        test_output_of_both_channels,
        test_children_in_the_background_live_on,
        test_a_flood_is_cut_where_the_command_ends,
        test_a_reader_that_stops_stops_the_writer,
        test_a_terminal_echoes_and_has_a_size,
        test_a_hundred_at_once,
        test_more_than_may_run_are_refused,
        test_a_timeout_kills_the_whole_tree,
        test_a_process_that_always_forks_is_killed,
        test_output_is_kept_without_a_client,
        test_without_a_client_nothing_waits,
        test_the_fastest_client_sets_the_pace,
        test_all_rings_are_bounded,
        test_no_more_than_it_has_descriptors_for,
        test_it_waits_also_without_a_right_to_descriptors,
        test_a_lost_link_is_met_again,
        test_an_environment_for_all_that_starts,
        test_frames_that_break_the_rules,
        measure,
    };
    if (argc != 2)
        return 2;
    world_begin(argv[1]);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tests[i]();
        world_forget();
        printf("%zu of %zu\n", i + 1, sizeof tests / sizeof tests[0]);
        fflush(stdout);
    }
    CHECK(world_end(3) == 3);
    return 0;
}
