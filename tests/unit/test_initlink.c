#include "tests/lib/turn.h"

#include "agent/initlink/initlink_process.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The test plays the init. */
static struct {
    struct loop *loop;
    struct initlink *link;
    char folder[64];
    int fd;
    int ready, lost, listed, told, detached, writable, environs;
    uint64_t output;
} world;

static void on_ready(void *arg, enum init_main_state state)
{
    world.ready++;
    loop_stop(world.loop);
}

static void on_environ(void *arg, int error)
{
    assert_int_equal(error, 12);
    world.environs++;
}

static void on_lost(void *arg, const struct err *why)
{
    world.lost++;
    loop_stop(world.loop);
}

static void on_update(void *arg, const struct initlink_update *update)
{
    world.listed += update->kind == INITLINK_LISTED;
    world.told += update->kind == INITLINK_PROCESS_TOLD;
    world.detached += update->kind == INITLINK_DETACHED;
    world.output += update->kind == INITLINK_OUTPUT ? update->len : 0;
}

static void on_writable(void *arg)
{
    world.writable++;
}

static void turn(void)
{
    run_for(world.loop, 10);
}

#define UNTIL(condition)                                                                                     \
    for (uint64_t until_ = loop_now_ms() + 20000; !(condition); turn())                                      \
    assert_true(loop_now_ms() < until_)

static void connect_init(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", world.folder, INIT_SOCKET_NAME);
    UNTIL((world.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
    assert_int_equal(connect(world.fd, (struct sockaddr *)&address, sizeof address), 0);
}

static void say(enum init_type type, uint32_t stream, const void *payload, size_t len)
{
    static uint8_t frame[INIT_PAYLOAD_MAX + 64];
    size_t size = init_frame_put(frame, sizeof frame, type, stream, payload, len);
    assert_true(size > 0);
    assert_int_equal(send(world.fd, frame, size, MSG_NOSIGNAL), size);
}

static void greet(void)
{
    struct init_hello hello = {INIT_VERSION, INIT_MAIN_IDLE, INIT_FEATURE_PROCESSES, 7};
    int before = world.ready;
    say(INIT_HELLO, 0, &hello, sizeof hello);
    UNTIL(world.ready > before);
}

static int begin(void **state)
{
    static const struct initlink_events events = {.on_ready = on_ready,
                                                  .on_environ = on_environ,
                                                  .on_lost = on_lost,
                                                  .on_update = on_update,
                                                  .on_writable = on_writable};
    struct err e;
    memset(&world, 0, sizeof world);
    snprintf(world.folder, sizeof world.folder, "/tmp/corral-test-XXXXXX");
    assert_non_null(mkdtemp(world.folder));
    world.loop = loop_new();
    assert_int_equal(initlink_new(world.loop, world.folder, &events, NULL, &world.link, &e), 0);
    initlink_expect(world.link, getpid());
    connect_init();
    return 0;
}

static int end(void **state)
{
    initlink_free(world.link);
    close(world.fd);
    loop_free(world.loop);
    rmdir(world.folder);
    return 0;
}

static struct init_spawn *a_spawn(void)
{
    static struct init_spawn spawn;
    spawn = (struct init_spawn){.token = {1}, .start = {.cwd = "", .argc = 1, .argv = {"true"}}};
    return &spawn;
}

static void tell(uint32_t number, uint32_t state, uint64_t end_position)
{
    struct init_process told = {.token = {1}, .state = state, .end = end_position, .oldest = end_position};
    say(INIT_PROCESS, number, &told, sizeof told);
}

/* An init reads at once what is written at once: it knows who reads before the process prints. */
static void test_a_start_and_its_attachment_are_one_write(void **state)
{
    static uint8_t bytes[4096];
    struct init_frame frame;
    struct err e;
    uint32_t attachment;
    greet();
    while (recv(world.fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    initlink_gather(world.link);
    assert_int_equal(initlink_spawn(world.link, 7, a_spawn(), &e), 0);
    assert_int_equal(recv(world.fd, bytes, sizeof bytes, MSG_DONTWAIT), -1);
    assert_int_equal(initlink_attach(world.link, 7, 0, 4096, &attachment, &e), 0);
    initlink_send(world.link);
    ssize_t len = recv(world.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    long first = init_frame_get(bytes, (size_t)len, &frame);
    assert_true(first > 0 && frame.type == INIT_SPAWN);
    long second = init_frame_get(bytes + first, (size_t)(len - first), &frame);
    assert_true(second == len - first && frame.type == INIT_ATTACH);
}

static void lost_again(int *before)
{
    UNTIL(world.lost == *before + 1);
    (*before)++;
    close(world.fd);
    connect_init();
    greet();
}

static void test_an_environment_is_written_and_read(void **state)
{
    static uint8_t bytes[INIT_START_MAX];
    static struct init_start start = {.cwd = "/workspace", .envc = 2, .env = {"A=", "HOME=/x"}}, back;
    size_t len = init_environ_pack(bytes, sizeof bytes, &start);
    assert_true(len > 0);
    assert_true(init_environ_get(bytes, len, &back));
    assert_string_equal(back.cwd, "/workspace");
    assert_int_equal(back.envc, 2);
    assert_string_equal(back.env[0], "A=");
    assert_null(back.env[2]);
    assert_false(init_environ_get(bytes, len - 1, &back));
    assert_false(init_environ_get(bytes, len + 1, &back));
    assert_false(init_environ_get(bytes, 4, &back));
    start.env[1] = "=x";
    assert_int_equal(init_environ_pack(bytes, sizeof bytes, &start), 0);
    start.env[1] = "no value";
    assert_int_equal(init_environ_pack(bytes, sizeof bytes, &start), 0);
    start.envc = 0;
    assert_int_equal(init_environ_pack(bytes, 8, &start), 0);
    start.argc = 1;
    assert_int_equal(init_environ_pack(bytes, sizeof bytes, &start), 0);
}

static void test_an_environment_goes_to_an_init_that_takes_one(void **state)
{
    static struct init_start start = {.cwd = "", .envc = 1, .env = {"A=1"}};
    struct init_hello hello = {INIT_VERSION, INIT_MAIN_IDLE, INIT_FEATURE_PROCESSES | INIT_FEATURE_ENVIRON,
                               7};
    uint32_t error = 12, wrong = 5000;
    struct err e;
    assert_int_equal(initlink_environ(world.link, &start, &e), ERR_IO);
    greet();
    assert_int_equal(initlink_environ(world.link, &start, &e), ERR_INIT_TOO_OLD);
    close(world.fd);
    UNTIL(world.lost == 1);
    connect_init();
    say(INIT_HELLO, 0, &hello, sizeof hello);
    UNTIL(world.ready == 2);
    assert_int_equal(initlink_environ(world.link, &start, &e), 0);
    say(INIT_ENVIRON_SET, 0, &error, sizeof error);
    UNTIL(world.environs == 1);
    say(INIT_ENVIRON_SET, 0, &wrong, sizeof wrong);
    UNTIL(world.lost == 2);
}

/* Docker's exec may lead to the init as well; the link that is there first stays. */
static void test_a_link_by_another_way(void **state)
{
    int lost = 0, fds[2], more[2];
    greet();
    assert_false(initlink_is_relayed(world.link));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_false(initlink_take(world.link, fds[0]));
    close(world.fd);
    lost++;
    UNTIL(world.lost == lost);
    assert_true(initlink_take(world.link, fds[0]));
    world.fd = fds[1];
    greet();
    assert_true(initlink_ready(world.link) && initlink_is_relayed(world.link));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, more), 0);
    assert_false(initlink_take(world.link, more[0]));
    close(more[0]);
    close(more[1]);
    shutdown(world.fd, SHUT_RDWR);
    lost_again(&lost); /* it listens again */
    assert_true(initlink_ready(world.link) && !initlink_is_relayed(world.link));
}

/* An init of version 1, which knows no processes, is served as before; it is sent no frame that it does not
 * know. */
static void test_an_old_init_is_served(void **state)
{
    uint32_t hello[2] = {INIT_VERSION_1, INIT_MAIN_RUNNING};
    uint32_t attachment;
    size_t sent;
    struct err e;
    say(INIT_HELLO, 0, hello, sizeof hello);
    UNTIL(world.ready == 1);
    assert_int_equal(initlink_features(world.link), 0);
    assert_int_equal(initlink_spawn(world.link, 2, a_spawn(), &e), ERR_INIT_TOO_OLD);
    assert_int_equal(initlink_attach(world.link, 2, 0, 100, &attachment, &e), ERR_INIT_TOO_OLD);
    assert_int_equal(initlink_stdin(world.link, 2, (const uint8_t *)"x", 1, &sent, &e), ERR_INIT_TOO_OLD);
    assert_int_equal(initlink_kill_process(world.link, 2, &e), ERR_INIT_TOO_OLD);
    assert_int_equal(initlink_bound_output(world.link, 1 << 30, &e), ERR_INIT_TOO_OLD);
    assert_int_equal(initlink_signal(world.link, 15, false, &e), 0);
    uint8_t bytes[64];
    ssize_t n = recv(world.fd, bytes, sizeof bytes, 0);
    assert_int_equal(n, sizeof(struct init_head) + sizeof(struct init_signal));
    say(INIT_LISTED, 0, NULL, 0); /* a frame that version 1 never sends */
    UNTIL(world.lost == 1);
}

static void test_a_hello_of_the_future_is_refused(void **state)
{
    struct init_hello hello = {INIT_VERSION + 1, INIT_MAIN_IDLE, 1, 2};
    say(INIT_HELLO, 0, &hello, sizeof hello);
    for (uint64_t until = loop_now_ms() + 20000; recv(world.fd, &hello, sizeof hello, MSG_DONTWAIT) != 0;
         turn())
        assert_true(loop_now_ms() < until);
    assert_int_equal(world.ready, 0);
}

static void test_output_comes_as_far_as_its_credit(void **state)
{
    struct err e;
    uint32_t attachment;
    static const uint8_t bytes[200];
    struct init_attached attached = {.status = INIT_ATTACH_DONE, .from = 0};
    greet();
    assert_int_equal(initlink_next_process(world.link), 7);
    assert_int_equal(initlink_spawn(world.link, 7, a_spawn(), &e), 0);
    assert_int_equal(initlink_attach(world.link, 7, 0, 100, &attachment, &e), 0);
    say(INIT_ATTACHED, attachment, &attached, sizeof attached);
    say(INIT_STDOUT, attachment, bytes, 60);
    UNTIL(world.output == 60);
    assert_int_equal(initlink_credit(world.link, attachment, INIT_CREDIT_MAX, &e), ERR_INVALID);
    assert_int_equal(initlink_credit(world.link, attachment, 60, &e), 0);
    say(INIT_STDERR, attachment, bytes, 100);
    UNTIL(world.output == 160);
    say(INIT_STDERR, attachment, bytes, 1);
    UNTIL(world.lost == 1);
    assert_int_equal(world.output, 160);
}

/* Each of these ends the link, and nothing else: the next hello is accepted. */
static void test_what_cannot_be_ends_the_link(void **state)
{
    struct err e;
    int lost = 0;
    uint32_t attachment, number, more = INIT_STDIN_WINDOW_MAX - INIT_STDIN_WINDOW + 1;
    struct init_attached attached = {.status = INIT_ATTACH_DONE, .from = 1};
    struct init_detached detached = {.reason = INIT_DETACH_ENDED, .position = 5};
    greet();
    say(INIT_STDOUT, 3, "x", 1); /* an attachment that does not exist */
    lost_again(&lost);
    tell(7, INIT_RUNNING, 0); /* a number that no process had */
    lost_again(&lost);
    number = initlink_next_process(world.link);
    assert_int_equal(initlink_spawn(world.link, number, a_spawn(), &e), 0);
    tell(number, INIT_ENDED, 10);
    tell(number, INIT_RUNNING, 10); /* a new link */
    lost_again(&lost);
    say(INIT_LISTED, 0, NULL, 0);
    say(INIT_LISTED, 0, NULL, 0);
    lost_again(&lost);
    number = initlink_next_process(world.link);
    assert_int_equal(initlink_spawn(world.link, number, a_spawn(), &e), 0);
    say(INIT_CREDIT, number, &more, sizeof more); /* more than its window */
    lost_again(&lost);
    assert_int_equal(initlink_attach(world.link, number, 0, 100, &attachment, &e), 0);
    say(INIT_STDOUT, attachment, "x", 1); /* before it was answered */
    lost_again(&lost);
    assert_int_equal(initlink_attach(world.link, number, 0, 100, &attachment, &e), 0);
    say(INIT_ATTACHED, attachment, &attached, sizeof attached); /* at another position than asked for */
    lost_again(&lost);
    attached.from = 0;
    assert_int_equal(initlink_attach(world.link, number, 0, 100, &attachment, &e), 0);
    say(INIT_ATTACHED, attachment, &attached, sizeof attached);
    say(INIT_DETACHED, attachment, &detached, sizeof detached); /* skips bytes that were not sent */
    lost_again(&lost);
    assert_int_equal(world.output, 0);
    assert_int_equal(world.detached, 0);
}

/* After a new hello the known processes stay until the list is complete. */
static void test_a_process_that_is_not_listed_is_gone(void **state)
{
    struct err e;
    int lost = 0;
    size_t sent;
    greet();
    for (uint32_t number = 7; number < 9; number++) {
        assert_int_equal(initlink_spawn(world.link, number, a_spawn(), &e), 0);
        tell(number, INIT_RUNNING, 0);
    }
    UNTIL(world.told == 2);
    say(INIT_STDOUT, 99, "x", 1);
    lost_again(&lost);
    assert_non_null(initlink_find_process(world.link, 7));
    assert_int_equal(initlink_stdin(world.link, 8, (const uint8_t *)"x", 1, &sent, &e), 0);
    assert_int_equal(sent, 0); /* its credit for stdin is not known yet */
    struct init_process told = {.token = {1}, .state = INIT_RUNNING, .stdin_credit = 3};
    say(INIT_PROCESS, 8, &told, sizeof told);
    say(INIT_LISTED, 0, NULL, 0);
    UNTIL(world.listed == 1);
    assert_null(initlink_find_process(world.link, 7));
    assert_int_equal(initlink_stdin(world.link, 8, (const uint8_t *)"hello", 5, &sent, &e), 0);
    assert_int_equal(sent, 3);
    assert_int_equal(initlink_next_process(world.link), 9);
}

/* Input fills only a part of the queue; the rest is for frames that must be sent. */
static void test_an_init_that_does_not_read_has_a_bounded_queue(void **state)
{
    static uint8_t bytes[INIT_STDIN_WINDOW];
    struct err e;
    size_t sent;
    int error = 0;
    uint32_t number = 7;
    greet();
    for (; !error && number < 7 + INIT_RUNNING_MAX; number++) {
        assert_int_equal(initlink_spawn(world.link, number, a_spawn(), &e), 0);
        error = initlink_stdin(world.link, number, bytes, sizeof bytes, &sent, &e);
    }
    assert_int_equal(error, ERR_IO);
    assert_true(number < 7 + 40); /* the kernel's buffers, and 48 KiB */
    assert_int_equal(initlink_kill_process(world.link, 7, &e), 0);
    assert_int_equal(world.writable, 0);
    for (uint64_t until = loop_now_ms() + 20000; !world.writable; turn()) {
        assert_true(loop_now_ms() < until);
        (void)!recv(world.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    }
    assert_int_equal(world.lost, 0);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, begin, end)
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_environment_is_written_and_read),
        EACH(test_a_start_and_its_attachment_are_one_write),
        EACH(test_an_environment_goes_to_an_init_that_takes_one),
        EACH(test_a_link_by_another_way),
        EACH(test_an_old_init_is_served),
        EACH(test_a_hello_of_the_future_is_refused),
        EACH(test_output_comes_as_far_as_its_credit),
        EACH(test_what_cannot_be_ends_the_link),
        EACH(test_a_process_that_is_not_listed_is_gone),
        EACH(test_an_init_that_does_not_read_has_a_bounded_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
