/*
 * Drives agent/docker through the life of containers on a real daemon.
 * usage: docker_client SOCKET VOLUME_FOLDER    (with an image corral-test:latest that has busybox, and a
 * registry at 127.0.0.1:5000 that has it too, for tester with the password: right "; with TLS)
 */
#include "agent/docker/docker.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s does not hold (%s)\n", __FILE__, __LINE__, #condition, t.error.text); \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

static struct test {
    struct loop *loop;
    struct docker *docker;
    int code;
    struct err error;
    char id[DOCKER_ID_LEN + 1];
    struct docker_state state;
    bool userns;
    size_t listed, volumes;
    int pending;
    int died_code;
    bool died, oom;
    bool waits_for_death;
    const char *more_label; /* a further label of containers that are created; NULL: none */
} t;

static void answered(int code, const struct err *e)
{
    t.code = code;
    t.error = e && code ? *e : (struct err){0};
    if (--t.pending == 0)
        loop_stop(t.loop);
}

static void on_done(void *arg, int code, const struct err *e)
{
    answered(code, e);
}

static void on_code(void *arg, int code, const struct err *e)
{
    *(int *)arg = code;
    answered(code, e);
}

static void on_facts(void *arg, int code, const struct err *e, const struct docker_facts *facts)
{
    t.userns = facts && facts->userns && facts->userns_uid >= 1000;
    answered(code, e);
}

static void on_image(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    t.volumes = image ? image->facts.volumes.count : 0;
    answered(code, e);
}

static void on_id(void *arg, int code, const struct err *e, const char *id)
{
    if (id)
        memcpy(t.id, id, sizeof t.id);
    answered(code, e);
}

static void on_state(void *arg, int code, const struct err *e, const struct docker_state *state)
{
    if (state)
        t.state = *state;
    answered(code, e);
}

static void on_list(void *arg, int code, const struct err *e, const struct docker_listed *items, size_t count)
{
    t.listed = count;
    answered(code, e);
}

static void on_event(void *arg, const struct docker_event *event)
{
    t.oom |= event->kind == DOCKER_OOM;
    if (event->kind != DOCKER_DIED)
        return;
    t.died = true;
    t.died_code = event->exit_code;
    if (t.waits_for_death)
        loop_stop(t.loop);
}

static void on_gap(void *arg)
{
}

static void await(void)
{
    t.pending++;
    loop_run(t.loop);
}

static void await_death(void)
{
    t.waits_for_death = true;
    if (!t.died)
        loop_run(t.loop);
    t.waits_for_death = false;
}

static struct sandbox_id id_of(int n)
{
    uint8_t random[10] = {(uint8_t)n, [9] = (uint8_t)n}; /* its first and last characters */
    return sandbox_id_make(1, random);
}

static void create(int n, const char *volume, const char *command, uint64_t memory)
{
    struct sandbox_id id = id_of(n);
    char label[64];
    snprintf(label, sizeof label, "corral.sandbox=%s", id.text);
    struct docker_bind bind = {.source = volume, .target = "/workspace"};
    struct docker_container c = {.name = id.text,
                                 .image = "corral-test:latest",
                                 .working_dir = "/workspace",
                                 .binds = &bind,
                                 .bind_count = 1,
                                 .limits = {memory, 500, 512, 0, 64, 256},
                                 .network = "none"};
    string_list_add(&c.entrypoint, "/bin/sh");
    string_list_add(&c.entrypoint, "-c");
    string_list_add(&c.entrypoint, command);
    string_list_add(&c.labels, label);
    string_list_add(&c.labels, "corral.cluster=test");
    if (t.more_label)
        string_list_add(&c.labels, t.more_label);
    docker_container_create(t.docker, &c, on_id, NULL);
    await();
    string_list_fini(&c.entrypoint);
    string_list_fini(&c.labels);
    CHECK(!t.code);
    t.died = t.oom = false;
}

static void act(void (*verb)(struct docker *, const char *, docker_cb *, void *))
{
    verb(t.docker, t.id, on_done, NULL);
    await();
}

static void start(void)
{
    docker_container_start(t.docker, t.id, on_done, NULL);
    await();
}

static void remove_it(void)
{
    docker_container_remove(t.docker, t.id, DOCKER_QUICK_MS, on_done, NULL);
    await();
}

static void inspect(void)
{
    docker_container_inspect(t.docker, t.id, DOCKER_QUICK_MS, on_state, NULL);
    await();
}

static void test_life(const char *volume)
{
    create(1, volume, "exec tail -f /dev/null", 64 << 20);
    start();
    CHECK(!t.code);
    inspect();
    CHECK(t.state.running && t.state.pid > 1);
    act(docker_container_pause);
    inspect();
    CHECK(t.state.paused);
    act(docker_container_unpause);
    CHECK(!t.code);
    struct sandbox_limits more = {96 << 20, 1000, 1024, 0, 32, 0};
    docker_container_update(t.docker, t.id, &more, on_done, NULL);
    await();
    CHECK(!t.code);
    docker_container_list(t.docker, on_list, NULL);
    await();
    CHECK(t.listed == 1);
    act(docker_container_kill);
    await_death();
    CHECK(t.died_code == 137);
    remove_it();
    CHECK(!t.code);
    remove_it();
    CHECK(!t.code); /* a second time is a success too */
    inspect();
    CHECK(t.code == ERR_NOT_FOUND);
}

static void test_exit_codes_and_hardening(const char *volume)
{
    static const char script[] =
        "test \"$(cat /proc/self/status | head -n 30)\" || exit 1; touch /x 2>/dev/null && exit 2;"
        "echo a > /workspace/a || exit 3; exit 42";
    create(2, volume, script, 64 << 20);
    start();
    await_death();
    CHECK(t.died_code == 42);
    remove_it();
}

static void test_oom(const char *volume)
{
    create(3, volume, "exec dd if=/dev/zero of=/dev/null bs=200M count=1", 32 << 20);
    start();
    await_death();
    CHECK(t.oom && t.died_code == 137);
    inspect();
    CHECK(t.state.oom_killed);
    remove_it();
}

static void test_many_starts(const char *volume)
{
    char ids[8][DOCKER_ID_LEN + 1];
    for (int i = 0; i < 8; i++) {
        create(10 + i, volume, "exec tail -f /dev/null", 32 << 20);
        memcpy(ids[i], t.id, sizeof ids[i]);
    }
    t.pending = 7;
    for (int i = 0; i < 8; i++)
        docker_container_start(t.docker, ids[i], on_done, NULL);
    await();
    CHECK(!t.code);
    t.pending = 7;
    for (int i = 0; i < 8; i++)
        docker_container_remove(t.docker, ids[i], DOCKER_QUICK_MS, on_done, NULL);
    await();
    CHECK(!t.code);
}

/* A call is answered once, and not inside the call; a container that Docker still created is found by its
 * name. */
static void test_given_up(const char *volume)
{
    create(20, volume, "exec tail -f /dev/null", 32 << 20);
    docker_cancel(docker_container_start(t.docker, t.id, on_done, NULL));
    CHECK(!t.pending);
    await();
    CHECK(t.code == ERR_CANCELLED);
    struct docker_pull_bounds bounds = {"", 60000, 60000, 0, 0, "", NULL};
    int first = 0, second = 0;
    docker_image_pull(t.docker, "127.0.0.1:1/nosuch:1", &bounds, on_code, &first);
    docker_cancel(docker_image_pull(t.docker, "127.0.0.1:1/nosuch:1", &bounds, on_code, &second));
    t.pending = 1;
    await(); /* for both: the first goes on without the second, and is told its own */
    CHECK(first == ERR_IMAGE_UNAVAILABLE && second == ERR_CANCELLED);
    remove_it();
    CHECK(!t.code);
    inspect();
    CHECK(t.code == ERR_NOT_FOUND);
}

#define PRIVATE "127.0.0.1:5000/corral-test:1"

/* Borrows code until the answer. */
static struct docker_call *pull_with(const char *password, int *code)
{
    struct docker_pull_bounds bounds = {"", 60000, 60000, 0, 0, "", NULL};
    struct registry_login login = {.registry = "127.0.0.1:5000", .username = "tester"};
    if (password) {
        snprintf(login.password, sizeof login.password, "%s", password);
        bounds.login = &login;
    }
    return docker_image_pull(t.docker, PRIVATE, &bounds, on_code, code);
}

static void on_stored(void *arg, int code, const struct err *e, const struct docker_stored *items,
                      size_t count)
{
    bool *found = arg;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < items[i].names.count; j++)
            *found |= !strcmp(items[i].names.item[j], PRIVATE) && items[i].size_bytes > 0;
    }
    answered(code, e);
}

static bool is_stored(void)
{
    bool found = false;
    docker_image_list(t.docker, on_stored, &found);
    await();
    CHECK(!t.code);
    return found;
}

/* A login opens its registry to nobody else, though another pull of the image is under way. */
static void test_a_registry_with_a_password(void)
{
    int without = 0, with = 0;
    pull_with(NULL, &without);
    await();
    CHECK(without == ERR_IMAGE_UNAVAILABLE);
    pull_with("wrong \"", &with);
    await();
    CHECK(with == ERR_IMAGE_UNAVAILABLE && !is_stored());
    pull_with("right \"", &with);
    CHECK(docker_pull_progress(pull_with(NULL, &without)));
    t.pending = 1;
    await();
    CHECK(with == 0 && without == ERR_IMAGE_UNAVAILABLE);
    CHECK(is_stored());
    docker_image_remove(t.docker, PRIVATE, on_done, NULL);
    await();
    CHECK(!t.code && !is_stored());
}

/* Three containers whose list does not fit into one answer. */
static void test_a_list_in_parts(const char *volume)
{
    char *label = malloc(3 << 20), ids[3][DOCKER_ID_LEN + 1];
    memset(label, 'x', 3 << 20);
    memcpy(label, "big=", 4);
    label[(3 << 20) - 1] = 0;
    t.more_label = label;
    for (int i = 0; i < 3; i++) {
        create(30 + i, volume, "exit 0", 32 << 20);
        memcpy(ids[i], t.id, sizeof ids[i]);
    }
    t.more_label = NULL;
    free(label);
    docker_container_list(t.docker, on_list, NULL);
    await();
    CHECK(!t.code && t.listed == 3);
    for (int i = 0; i < 3; i++) {
        memcpy(t.id, ids[i], sizeof t.id);
        remove_it();
    }
}

static void on_exec(void *arg, int code, const struct err *e, int fd)
{
    *(int *)arg = fd;
    answered(code, e);
}

static struct docker_exec *run(const char *program, const char *script, int *fd)
{
    struct string_list command = {0};
    string_list_add(&command, program);
    string_list_add(&command, "-c");
    string_list_add(&command, script);
    struct docker_exec *exec = docker_exec_run(t.docker, t.id, &command, on_exec, fd);
    string_list_fini(&command);
    await();
    return exec;
}

static void on_readable(void *arg, bool readable, bool writable)
{
    loop_stop(t.loop);
}

/* Reads so many bytes, or to the end. */
static size_t read_some(int fd, char *out, size_t size)
{
    struct watch watch = {0};
    size_t len = 0;
    ssize_t n = 1;
    watch_start(&watch, t.loop, fd, true, false, on_readable, NULL);
    while (n > 0 && len < size) {
        loop_run(t.loop);
        n = recv(fd, out + len, size - len, MSG_DONTWAIT);
        len += n > 0 ? (size_t)n : 0;
    }
    watch_stop(&watch);
    return len;
}

static void test_exec(const char *volume)
{
    char text[16];
    int fd = -1;
    create(6, volume, "exec tail -f /dev/null", 64 << 20);
    start();
    struct docker_exec *exec = run("/bin/sh", "id -u; echo lost >&2; exec cat", &fd);
    CHECK(!t.code && fd >= 0);
    CHECK(send(fd, "in\n", 3, 0) == 3);
    CHECK(read_some(fd, text, 8) == 8 && !memcmp(text, "1000\nin\n", 8));
    docker_exec_free(exec); /* the program sees the end of its input, and ends */
    CHECK(read_some(fd, text, 1) == 0);
    close(fd);
    exec = run("/bin/sh", "echo last", &fd);
    CHECK(read_some(fd, text, sizeof text) == 5 && !memcmp(text, "last\n", 5));
    docker_exec_free(exec);
    close(fd);
    exec = run("/no/such", "", &fd);
    CHECK(t.code || read_some(fd, text, 1) == 0 || text[0] == 'O'); /* Docker says why, in a frame */
    docker_exec_free(exec);
    close(fd);
    act(docker_container_pause);
    exec = run("/bin/sh", "true", &fd);
    CHECK(t.code == ERR_CONFLICT && fd == -1);
    docker_exec_free(exec);
    remove_it();
}

static void test_refusals(void)
{
    docker_image_inspect(t.docker, "../containers/json?x=", on_image, NULL);
    await();
    CHECK(t.code == ERR_NOT_FOUND || t.code == ERR_IO);
    docker_container_start(t.docker, "nothing", on_done, NULL);
    await();
    CHECK(t.code == ERR_NOT_FOUND);
}

int main(int argc, char **argv)
{
    assert(argc == 3);
    t.loop = loop_new();
    t.docker = docker_new(t.loop, argv[1]);
    docker_hello(t.docker, on_facts, NULL);
    await();
    CHECK(!t.code && t.userns);
    docker_image_inspect(t.docker, "corral-test:latest", on_image, NULL);
    await();
    CHECK(!t.code && t.volumes == 1);
    docker_events(t.docker, on_event, on_gap, on_gap, NULL);
    test_life(argv[2]);
    test_exit_codes_and_hardening(argv[2]);
    test_oom(argv[2]);
    test_many_starts(argv[2]);
    test_given_up(argv[2]);
    test_a_list_in_parts(argv[2]);
    test_a_registry_with_a_password();
    test_exec(argv[2]);
    test_refusals();
    docker_free(t.docker);
    loop_free(t.loop);
    puts("the client and Docker agree");
    return 0;
}
