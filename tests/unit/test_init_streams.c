#include "tests/lib/unit.h"

#include "tests/lib/init_agent.h"

#include <signal.h>

/* --- the agent --- */

static uint8_t got[1 << 20];
static size_t got_len;

static void say(enum init_type type, uint32_t stream, const void *payload, size_t len)
{
    static uint8_t frame[INIT_START_MAX + sizeof(struct init_head)];
    size_t size = init_frame_put(frame, sizeof frame, type, stream, payload, len);
    assert_true(size > 0);
    assert_int_equal(send(world.fd, frame, size, MSG_NOSIGNAL), size);
}

static void take(void)
{
    ssize_t n;
    while ((n = recv(world.fd, got + got_len, sizeof got - got_len, 0)) > 0)
        got_len += (size_t)n;
}

static void turns(int count)
{
    for (int i = 0; i < count; i++) {
        world_turn();
        take();
    }
}

/* Takes the first frame of this type and stream out of the received bytes, with its payload. Returns its
 * length; -1: none. */
static long next(enum init_type type, uint32_t stream, void *payload)
{
    struct init_frame frame;
    size_t at = 0;
    for (long n; (n = init_frame_get(got + at, got_len - at, &frame)) > 0; at += (size_t)n) {
        if (frame.type != type || frame.stream != stream)
            continue;
        long len = (long)frame.len;
        if (payload)
            memcpy(payload, frame.payload, frame.len);
        memmove(got + at, got + at + n, got_len - at - (size_t)n);
        got_len -= (size_t)n;
        return len;
    }
    return -1;
}

static size_t output(uint32_t stream)
{
    uint8_t bytes[INIT_PAYLOAD_MAX];
    size_t sum = 0;
    for (long n; (n = next(INIT_STDOUT, stream, bytes)) >= 0;)
        sum += (size_t)n;
    return sum;
}

static void spawn_as(uint32_t number, uint8_t token, uint32_t flags, uint64_t timeout_ms)
{
    static struct init_spawn spawn;
    uint8_t payload[4096];
    spawn = (struct init_spawn){.token = {token},
                                .flags = flags,
                                .timeout_ms = timeout_ms,
                                .note = (const uint8_t *)"n",
                                .note_len = 1};
    spawn.start.cwd = "";
    spawn.start.argc = 1;
    spawn.start.argv[0] = "played";
    size_t len = init_spawn_pack(payload, sizeof payload, &spawn);
    say(INIT_SPAWN, number, payload, len);
}

/* Its program runs. */
static struct played *spawn_flagged(uint32_t number, uint32_t flags, uint64_t timeout_ms)
{
    size_t before = world.started;
    spawn_as(number, (uint8_t)number, flags, timeout_ms);
    turns(2);
    assert_int_equal(world.started, before + 1);
    close_end(&world.played[before].program);
    turns(1);
    return &world.played[before];
}

static struct played *spawn(uint32_t number, uint64_t timeout_ms)
{
    return spawn_flagged(number, INIT_PROCESS_STDIN, timeout_ms);
}

static void attach(uint32_t stream, uint32_t process, uint64_t from, uint32_t credit)
{
    struct init_attach attach = {from, process, credit};
    say(INIT_ATTACH, stream, &attach, sizeof attach);
    turns(2);
}

static struct init_process told(uint32_t number)
{
    struct init_process last = {.state = 99};
    uint8_t payload[sizeof last + INIT_NOTE_MAX];
    const uint8_t *note;
    for (long n; (n = next(INIT_PROCESS, number, payload)) >= 0;)
        assert_true(init_process_get(payload, (size_t)n, &last, &note));
    return last;
}

static void print(const struct played *p, size_t len)
{
    static uint8_t bytes[65536];
    assert_int_equal(write(p->out, bytes, len), len);
}

static void exits(struct played *p, bool closes)
{
    if (closes)
        close_played(p);
    init_streams_reaped(&world.streams, p->pid, 7 << 8, world.now_ms);
    turns(3);
}

static int begin(void **state)
{
    world_begin();
    got_len = 0;
    turns(1);
    assert_int_equal(next(INIT_LISTED, 0, NULL), 0);
    return 0;
}

static int end(void **state)
{
    world_end();
    return 0;
}

/* --- starts --- */

static void test_a_start_is_carried_out_once(void **state)
{
    spawn(5, 0);
    assert_int_equal(told(5).state, INIT_RUNNING);
    spawn_as(5, 5, INIT_PROCESS_STDIN, 0);
    turns(2);
    assert_int_equal(told(5).state, INIT_RUNNING); /* its state is sent again */
    spawn_as(5, 6, INIT_PROCESS_STDIN, 0);         /* the number is taken by another token */
    turns(2);
    assert_int_equal(told(5).exit.value, EEXIST);
    spawn_as(4, 4, INIT_PROCESS_STDIN, 0); /* a number below the last one */
    turns(2);
    assert_int_equal(told(4).state, INIT_REFUSED);
    assert_int_equal(world.started, 1);
    assert_int_equal(world.streams.next_number, 6);
}

static void test_a_start_is_refused_with_its_reason(void **state)
{
    world.refuse = ESHUTDOWN;
    spawn_as(2, 2, 0, 0);
    turns(2);
    assert_int_equal(told(2).exit.value, ESHUTDOWN);
    world.refuse = 0;
    world.fail = EMFILE;
    spawn_as(2, 2, 0, 0);
    turns(2);
    assert_int_equal(told(2).exit.value, EMFILE);
    world.fail = 0;
    for (uint32_t i = 2; i < 2 + INIT_RUNNING_MAX; i++)
        spawn(i, 0);
    spawn_as(1000, 1, 0, 0);
    turns(2);
    struct init_process refused = told(1000);
    assert_int_equal(refused.state, INIT_REFUSED);
    assert_int_equal(refused.exit.value, EAGAIN);
}

/* --- output --- */

static void test_output_goes_as_far_as_its_credit(void **state)
{
    struct played *p = spawn(2, 0);
    attach(9, 2, 0, 10);
    print(p, 5000);
    turns(4);
    assert_int_equal(output(9), 10);
    uint32_t more = 100;
    say(INIT_CREDIT, 9, &more, sizeof more);
    turns(2);
    assert_int_equal(output(9), 100);
    attach(10, 2, 5000, 10); /* from the end on: no output yet */
    assert_int_equal(output(10), 0);
    say(INIT_DETACH, 9, NULL, 0);
    say(INIT_DETACH, 9, NULL, 0); /* it has ended meanwhile */
    turns(2);
    struct init_detached detached;
    assert_int_equal(next(INIT_DETACHED, 9, &detached), sizeof detached);
    assert_int_equal(detached.reason, INIT_DETACH_ASKED);
    assert_int_equal(detached.position, 110);
    assert_int_equal(next(INIT_DETACHED, 9, NULL), -1);
    assert_false(world.broken);
}

/* The kernel's pipe fills, and the ring stays within its bound. */
static void test_a_client_without_credit_stops_the_process(void **state)
{
    struct played *p = spawn(2, 0);
    static uint8_t bytes[65536];
    size_t written = 0;
    attach(9, 2, 0, 0);
    for (int i = 0; i < 200; i++) {
        ssize_t n = write(p->out, bytes, sizeof bytes);
        written += n > 0 ? (size_t)n : 0;
        turns(1);
    }
    assert_true(written >= INIT_RING_MAX && written <= INIT_RING_MAX + 2 * 65536);
    assert_int_equal(world.streams.table.child[0]->ring.room, INIT_RING_MAX);
    say(INIT_DETACH, 9, NULL, 0); /* without a client it goes on */
    for (int i = 0; i < 200; i++) {
        ssize_t n = write(p->out, bytes, sizeof bytes);
        written += n > 0 ? (size_t)n : 0;
        turns(1);
    }
    assert_true(written > 3 * INIT_RING_MAX);
}

/* --- ends --- */

static void test_output_after_the_end_is_taken_for_a_moment(void **state)
{
    struct played *p = spawn(2, 0);
    attach(9, 2, 0, 100000);
    told(2);
    exits(p, false); /* a child of it still has its stdout open */
    assert_int_equal(told(2).state, 99);
    world.now_ms += INIT_LINGER_MS - 1;
    print(p, 1000);
    turns(2);
    assert_int_equal(told(2).state, 99);
    world.now_ms += 1;
    turns(2);
    struct init_process ended = told(2);
    assert_int_equal(ended.state, INIT_ENDED);
    assert_int_equal(ended.exit.value, 7);
    assert_int_equal(ended.end, 1000);
    assert_int_equal(output(9), 1000);
    assert_true(next(INIT_DETACHED, 9, NULL) > 0);
    print(p, 1000); /* its child may still write; nobody reads that */
    turns(3);
    assert_int_equal(world.streams.table.child[0]->ring.end, 1000);
    assert_int_equal(write(p->out, "x", 1), 1);
}

/* Output from before the end of a process is not lost to a slow reader. */
static void test_what_lay_there_at_the_end_waits_for_its_reader(void **state)
{
    struct played *p = spawn(2, 0);
    static uint8_t bytes[65536];
    size_t written = 0;
    attach(9, 2, 0, 0);
    for (int i = 0; i < 100; i++) {
        ssize_t n = write(p->out, bytes, sizeof bytes);
        written += n > 0 ? (size_t)n : 0;
        turns(1);
    }
    exits(p, false);
    world.now_ms += 10000;
    turns(2);
    assert_int_equal(world.streams.table.running, 1);
    uint32_t more = 1 << 20;
    say(INIT_CREDIT, 9, &more, sizeof more);
    turns(100);
    assert_int_equal(output(9), written);
    struct init_process ended = told(2);
    assert_int_equal(ended.state, INIT_ENDED);
    assert_int_equal(ended.end, written);
}

/* Each second at most, also where nobody reads it. */
static void test_how_much_is_printed_is_told(void **state)
{
    struct played *p = spawn(2, 0);
    told(2);
    print(p, 100);
    turns(2);
    assert_int_equal(told(2).state, 99);
    world.now_ms += INIT_REPORT_MS;
    turns(2);
    assert_int_equal(told(2).end, 100);
    print(p, 1);
    turns(2);
    assert_int_equal(told(2).state, 99);
    world.now_ms += INIT_REPORT_MS;
    turns(2);
    assert_int_equal(told(2).end, 101);
    world.now_ms += INIT_REPORT_MS;
    turns(2);
    assert_int_equal(told(2).state, 99); /* nothing new */
}

static void test_a_timeout_kills_and_is_told(void **state)
{
    struct played *p = spawn(2, 500);
    world.now_ms += 499;
    turns(2);
    assert_int_equal(world.kills, 0);
    world.now_ms += 1;
    turns(1);
    assert_int_equal(world.kills, 1);
    exits(p, true);
    assert_int_equal(told(2).flags, INIT_PROCESS_STDIN | INIT_PROCESS_TIMED_OUT | INIT_PROCESS_KILLED);
}

/* An end is kept until it was reported, also while no agent is connected. */
static void test_the_latest_ends_are_kept(void **state)
{
    for (uint32_t i = 2; i < 2 + INIT_RUNNING_MAX; i++)
        spawn(i, 0);
    int fd = world.link.fd;
    world.link.fd = -1; /* the link is lost */
    init_streams_unlinked(&world.streams);
    for (uint32_t i = 0; i < INIT_RUNNING_MAX; i++)
        exits(&world.played[i], true);
    assert_int_equal(world.streams.table.count, INIT_RUNNING_MAX);
    world.link.fd = fd;
    init_streams_linked(&world.streams);
    turns(4);
    for (uint32_t i = 2; i < 2 + INIT_RUNNING_MAX; i++)
        assert_int_equal(told(i).state, INIT_ENDED);
    assert_int_equal(next(INIT_LISTED, 0, NULL), 0);
    assert_int_equal(world.streams.table.count, INIT_ENDED_MAX);
    assert_null(init_table_find(&world.streams.table, 2));
    assert_non_null(init_table_find(&world.streams.table, 1 + INIT_RUNNING_MAX));
}

/* --- input --- */

static void test_input_has_a_window(void **state)
{
    static uint8_t bytes[INIT_STDIN_WINDOW];
    struct played *p = spawn(2, 0);
    fcntl(p->in, F_SETPIPE_SZ, 4096);
    for (int i = 0; i < 2; i++) {
        say(INIT_STDIN, 2, bytes, INIT_STDIN_WINDOW / 2);
        turns(2);
    }
    uint32_t credit = 0, sum = 0;
    while (next(INIT_CREDIT, 2, &credit) >= 0)
        sum += credit;
    assert_true(sum < INIT_STDIN_WINDOW);
    while (read(p->in, bytes, sizeof bytes) > 0)
        turns(1);
    turns(2);
    while (next(INIT_CREDIT, 2, &credit) >= 0)
        sum += credit;
    assert_int_equal(sum, INIT_STDIN_WINDOW);
    assert_int_equal(world.streams.table.child[0]->told.stdin_taken, INIT_STDIN_WINDOW);
    assert_null(world.streams.table.child[0]->in);
    say(INIT_STDIN, 2, NULL, 0);
    turns(2);
    assert_int_equal(read(p->in, bytes, 1), 0);
}

/* Its agent may have been told nothing of it yet, so it begins as any other. */
static void test_a_helper_for_files_has_a_wide_window(void **state)
{
    static uint8_t bytes[INIT_STDIN_WINDOW_MAX];
    uint32_t credit = 0;
    spawn_as(2, 2, INIT_PROCESS_STDIN | INIT_PROCESS_FILE, 0);
    turns(3);
    fcntl(world.played[0].in, F_SETPIPE_SZ, 4096);
    assert_int_equal(next(INIT_CREDIT, 2, &credit), sizeof credit);
    assert_int_equal(credit, INIT_STDIN_WINDOW_MAX - INIT_STDIN_WINDOW);
    for (int i = 0; i < 4; i++) {
        say(INIT_STDIN, 2, bytes, sizeof bytes / 4);
        turns(1);
    }
    turns(2);
    assert_false(world.broken);
    assert_int_equal(world.streams.table.child[0]->told.stdin_taken, sizeof bytes);
}

static void test_more_input_than_the_window_breaks_a_rule(void **state)
{
    static uint8_t bytes[INIT_STDIN_WINDOW + 1];
    spawn(2, 0);
    say(INIT_STDIN, 2, bytes, sizeof bytes);
    turns(2);
    assert_true(world.broken);
    assert_int_equal(world.streams.table.running, 1);
}

/* --- bounds --- */

static void test_the_rings_share_what_they_may_have(void **state)
{
    struct played *p[12];
    for (uint32_t i = 0; i < 12; i++) {
        p[i] = spawn(2 + i, 0);
        for (int n = 0; n < 8; n++) {
            print(p[i], 65536);
            turns(8);
        }
    }
    struct init_table *table = &world.streams.table;
    assert_true(table->rings_used <= INIT_RINGS_FIRST);
    for (uint32_t i = 0; i < 12; i++)
        assert_true(init_table_find(table, 2 + i)->ring.room >= INIT_RING_MIN);
    uint64_t bytes = 100000;
    say(INIT_BOUNDS, 0, &bytes, sizeof bytes);
    turns(2);
    assert_true(table->rings_used <= 100000);
    bytes = UINT64_MAX;
    say(INIT_BOUNDS, 0, &bytes, sizeof bytes);
    turns(2);
    assert_int_equal(table->rings_max, INIT_RINGS_MAX);
    size_t sum = 0;
    for (size_t i = 0; i < table->count; i++)
        sum += init_ring_cost(table->child[i]->ring.room);
    assert_int_equal(sum, table->rings_used);
}

/* An agent that does not read gets nothing until it reads; then nothing is missing. */
static void test_a_full_link_loses_nothing(void **state)
{
    struct played *p = spawn(2, 0);
    attach(9, 2, 0, INIT_CREDIT_MAX);
    for (int i = 0; i < 100; i++) {
        static uint8_t bytes[65536];
        ssize_t n = write(p->out, bytes, sizeof bytes);
        (void)n;
        world_turn();
        assert_true(world.link.out_len <= sizeof world.link.out - INIT_LINK_REPLY_ROOM);
    }
    exits(p, true);
    turns(100);
    uint64_t all = world.streams.table.child[0]->ring.end;
    assert_true(all > 300000);
    assert_int_equal(output(9), all);
    assert_int_equal(told(2).state, INIT_ENDED);
}

/* What it prints before anybody reads is not lost, and it is forgotten when it was read. */
static void test_a_helper_waits_for_its_reader(void **state)
{
    struct played *p = spawn_flagged(5, INIT_PROCESS_FILE, 0);
    print(p, 60000);
    turns(10);
    attach(9, 5, INIT_FROM_OLDEST, 1 << 20);
    turns(20);
    assert_int_equal(output(9), 60000);
    exits(p, true);
    turns(10);
    assert_int_equal(told(5).state, INIT_ENDED);
    assert_int_equal(next(INIT_DETACHED, 9, NULL), 16);
    assert_null(init_table_find(&world.streams.table, 5));
}

/* A helper that nobody comes to read ends when it is killed. */
static void test_a_helper_that_nobody_reads_is_killed(void **state)
{
    struct played *p = spawn_flagged(5, INIT_PROCESS_FILE, 0);
    print(p, 60000);
    turns(10);
    say(INIT_KILL, 5, NULL, 0);
    exits(p, true);
    turns(10);
    assert_int_equal(told(5).state, INIT_ENDED);
    assert_null(init_table_find(&world.streams.table, 5));
}

/* Nobody is attached, and nothing is lost: it waits when half of its ring is full, and the rest comes when
 * somebody reads. */
static void test_a_process_that_holds_waits_for_its_client(void **state)
{
    struct played *p = spawn_flagged(5, INIT_PROCESS_HOLD, 0);
    for (int i = 0; i < 2; i++) {
        print(p, 60000);
        turns(10);
    }
    print(p, 40000); /* of which 11072 have room */
    turns(10);
    const struct init_child *child = init_table_find(&world.streams.table, 5);
    assert_int_equal(child->ring.end, INIT_RING_MAX / 2);
    attach(9, 5, 0, 1 << 20);
    turns(20);
    assert_int_equal(output(9), 160000);
    exits(p, true);
    turns(10);
    assert_int_equal(told(5).state, INIT_ENDED);
}

/* Its reader comes with the next frame, and it may have printed more than its ring keeps before that. */
static void test_a_command_waits_for_its_reader(void **state)
{
    struct played *p = spawn_flagged(5, INIT_PROCESS_EXEC, 0);
    for (int i = 0; i < 5; i++) { /* of the last ones 37856 bytes wait in the pipe */
        print(p, 60000);
        turns(10);
    }
    attach(9, 5, INIT_FROM_OLDEST, 1 << 20);
    turns(20);
    assert_int_equal(output(9), 300000);
    exits(p, true);
    turns(10);
    assert_int_equal(told(5).state, INIT_ENDED);
}

/* Its timeout lets it go, also where it has ended and only its output waits. */
static void test_a_process_that_holds_is_let_go_at_its_timeout(void **state)
{
    struct played *p = spawn_flagged(5, INIT_PROCESS_HOLD, 60000);
    for (int i = 0; i < 3; i++) {
        print(p, 50000);
        turns(10);
    }
    exits(p, true);
    world.now_ms += 59000;
    turns(10);
    assert_int_equal(told(5).state, INIT_RUNNING);
    world.now_ms += 1000;
    turns(10);
    assert_int_equal(told(5).state, INIT_ENDED);
}

/* After its client has left, too: the half of its ring behind that client's position is kept. */
static void test_a_process_that_holds_waits_for_its_client_to_return(void **state)
{
    struct played *p = spawn_flagged(5, INIT_PROCESS_HOLD, 0);
    attach(9, 5, 0, 1 << 20);
    for (int i = 0; i < 8; i++) {
        print(p, 60000);
        turns(10);
    }
    assert_int_equal(output(9), 480000);
    say(INIT_DETACH, 9, NULL, 0);
    turns(2);
    for (int i = 0; i < 3; i++) {
        print(p, 60000);
        turns(10);
    }
    const struct init_child *child = init_table_find(&world.streams.table, 5);
    assert_int_equal(child->ring.end, 480000 + INIT_RING_MAX / 2);
    attach(10, 5, 480000 - INIT_RING_MAX / 2, 1 << 20);
    turns(20);
    assert_int_equal(output(10), INIT_RING_MAX / 2 + 180000);
}

/* Also where its ring is halved for others meanwhile, it keeps what the client had last. */
static void test_a_ring_that_is_halved_keeps_what_a_client_had_last(void **state)
{
    struct played *p = spawn_flagged(5, INIT_PROCESS_HOLD, 0);
    attach(9, 5, 0, 1 << 20);
    for (int i = 0; i < 8; i++) {
        print(p, 60000);
        turns(10);
    }
    say(INIT_DETACH, 9, NULL, 0);
    turns(2);
    print(p, 30000);
    turns(10);
    uint64_t bound = 20000;
    say(INIT_BOUNDS, 0, &bound, sizeof bound);
    turns(10);
    const struct init_child *child = init_table_find(&world.streams.table, 5);
    assert_int_equal(child->ring.room, INIT_RING_HELD);
    attach(10, 5, 480000 - INIT_RING_HELD / 2, 1 << 20);
    turns(20);
    assert_int_equal(output(10), INIT_RING_HELD / 2 + 30000);
}

/* Of its end nothing is lost either; a kill ends the wait. */
static void test_a_process_that_holds_has_ended_when_its_output_was_read(void **state)
{
    struct played *p = spawn_flagged(5, INIT_PROCESS_HOLD, 0);
    for (int i = 0; i < 3; i++) {
        print(p, 60000);
        turns(10);
    }
    exits(p, true);
    turns(10);
    assert_int_equal(told(5).state, INIT_RUNNING);
    say(INIT_KILL, 5, NULL, 0);
    turns(10);
    assert_int_equal(told(5).state, INIT_ENDED);
    attach(9, 5, 0, 1 << 20);
    turns(10);
    assert_int_equal(output(9), 180000);
}

/* Rings of processes that hold stay within the bound; what nobody waits for goes first. */
static void test_processes_that_hold_share_the_rings(void **state)
{
    struct played *free = spawn(2, 0);
    print(free, 60000);
    turns(10);
    exits(free, true);
    turns(10);
    for (uint32_t number = 3; number < 7; number++) {
        size_t before = world.started;
        spawn_as(number, (uint8_t)number, INIT_PROCESS_HOLD, 0);
        turns(2);
        close_end(&world.played[before].program);
        turns(1);
        print(&world.played[before], 60000);
        turns(10);
        if (number == 3)
            exits(&world.played[before], true);
        else
            print(&world.played[before], 5000);
        turns(10);
    }
    uint64_t bound = 200000;
    say(INIT_BOUNDS, 0, &bound, sizeof bound);
    turns(10);
    assert_true(world.streams.table.rings_used <= INIT_RINGS_FIRST);
    assert_int_equal(init_table_find(&world.streams.table, 2)->ring.room, 0);
    for (uint32_t number = 4; number < 7; number++) {
        attach(number + 10, number, 0, 1 << 20);
        turns(20);
        assert_int_equal(output(number + 10), 65000);
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, begin, end)
    static const struct CMUnitTest tests[] = {
        EACH(test_a_start_is_carried_out_once),
        EACH(test_a_helper_waits_for_its_reader),
        EACH(test_a_command_waits_for_its_reader),
        EACH(test_a_process_that_holds_waits_for_its_client),
        EACH(test_processes_that_hold_share_the_rings),
        EACH(test_a_process_that_holds_is_let_go_at_its_timeout),
        EACH(test_a_process_that_holds_waits_for_its_client_to_return),
        EACH(test_a_process_that_holds_has_ended_when_its_output_was_read),
        EACH(test_a_ring_that_is_halved_keeps_what_a_client_had_last),
        EACH(test_a_helper_that_nobody_reads_is_killed),
        EACH(test_a_start_is_refused_with_its_reason),
        EACH(test_output_goes_as_far_as_its_credit),
        EACH(test_a_client_without_credit_stops_the_process),
        EACH(test_output_after_the_end_is_taken_for_a_moment),
        EACH(test_what_lay_there_at_the_end_waits_for_its_reader),
        EACH(test_how_much_is_printed_is_told),
        EACH(test_a_timeout_kills_and_is_told),
        EACH(test_the_latest_ends_are_kept),
        EACH(test_input_has_a_window),
        EACH(test_a_helper_for_files_has_a_wide_window),
        EACH(test_more_input_than_the_window_breaks_a_rule),
        EACH(test_the_rings_share_what_they_may_have),
        EACH(test_a_full_link_loses_nothing),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
