/*
 * The agent's side of the warm pool, on a real node: members are made, handed out, and compared with
 * sandboxes that were started cold; members that somebody touched are replaced by a cold start. This program
 * is the controller's end of the link, and nothing else of a controller. usage: agent_pool FOLDER AGENT
 */
#include "agent/cgroup/cgroup_path.h"
#include "agent/disk/record.h"
#include "common/base/mem.h"
#include "common/io/pki.h"
#include "controller/nodes/node_link.h"
#include "proto/node_codec.h"
#include "tests/lib/quiet_nodes.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s does not hold (%s)\n", __FILE__, __LINE__, #condition, e.text);       \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)
#define UNTIL(condition)                                                                                     \
    for (uint64_t until_ = loop_now_ms() + 60000; !(condition); turn())                                      \
    CHECK(loop_now_ms() < until_)

#define NODE   "node-1"
#define SEEN   256
#define MIB    ((uint64_t)1 << 20)
#define MEMBER 64 * MIB
#define TENANT 128 * MIB

static struct loop *loop;
static struct node_link *link_;
static struct err e;
static const char *dir, *agent;
static char url[64];
static pid_t agent_pid;
static bool session, pools;
static unsigned samples;
static uint64_t cleaned; /* number of the order that was carried out last */

static struct seen {
    struct sandbox_id id;
    struct sandbox_status status;
    uint64_t at_us;
    bool owned; /* a sandbox of this id was asked for */
} seen[SEEN];
static size_t seen_count;

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- the controller's side --- */

static struct seen *seen_of(const struct sandbox_id *id)
{
    for (size_t i = 0; i < seen_count; i++) {
        if (!memcmp(&seen[i].id, id, sizeof *id))
            return &seen[i];
    }
    CHECK(seen_count < SEEN);
    seen[seen_count] = (struct seen){.id = *id};
    return &seen[seen_count++];
}

static bool is_over(const struct sandbox_status *status)
{
    return status->state == SANDBOX_STOPPED || status->state == SANDBOX_FAILED;
}

static void take(const char *node, const struct sandbox_status *status)
{
    struct seen *s = seen_of(&status->id);
    struct status_ack ack = {.id = status->id, .number = status->number};
    if (status->number >= s->status.number) {
        s->status = *status;
        s->at_us = now_us();
    }
    if (!is_over(status))
        node_link_ack(link_, node, &ack);
}

static void on_session(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                       size_t count)
{
    session = true;
    pools = facts->pools && !facts->unhealthy[0];
    for (size_t i = 0; i < count; i++)
        take(facts->name, &inventory[i]);
}

static void on_statuses(void *owner, const char *node, const struct sandbox_status *status, size_t count)
{
    for (size_t i = 0; i < count; i++)
        take(node, &status[i]);
    loop_stop(loop);
}

static void on_samples(void *owner, const char *node, const struct sample *sample, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CHECK(seen_of(&sample[i].id)->owned);
        samples++;
    }
}

static void on_cleanups(void *owner, const char *node, const struct cleanup_report *reports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cleaned = reports[i].asked > cleaned ? reports[i].asked : cleaned;
        node_link_ack_cleanups(link_, node, reports[i].number);
    }
}

static void on_node_gone(void *owner, const char *node)
{
    session = false;
}

static void on_time(void *arg)
{
    loop_stop(loop);
}

static void turn_for(uint64_t ms)
{
    struct timer timer = {0};
    timer_start(&timer, loop, ms, on_time, NULL);
    loop_run(loop);
    timer_stop(&timer);
}

static void turn(void)
{
    turn_for(20);
}

static void listen_to_nodes(void)
{
    struct node_link_ops ops = quiet_nodes;
    ops.on_session = on_session;
    ops.on_statuses = on_statuses;
    ops.on_samples = on_samples;
    ops.on_cleanups = on_cleanups;
    ops.on_node_gone = on_node_gone;
    char pki[300], ca[320], cert[320], key[320];
    snprintf(pki, sizeof pki, "%s/pki", dir);
    snprintf(ca, sizeof ca, "%s/ca.crt", pki);
    snprintf(cert, sizeof cert, "%s/controller.crt", pki);
    snprintf(key, sizeof key, "%s/controller.key", pki);
    CHECK(!pki_init(pki, NULL, &e) && !pki_issue(pki, NODE, 1, pki, &e));
    struct node_link_conf conf = {
        .url = url, .ca_file = ca, .cert_file = cert, .key_file = key, .cluster = "pool", .lease_ms = 3000};
    loop = loop_new();
    CHECK(!node_link_new(&link_, loop, &conf, &ops, NULL, &e));
    CHECK(!node_link_start(link_, 1, &e));
}

/* --- the agent --- */

static void set(const char *name, const char *file)
{
    char path[320];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    setenv(name, path, 1);
}

static void start_agent(void)
{
    char path[320];
    session = false;
    agent_pid = fork();
    if (!agent_pid) {
        snprintf(path, sizeof path, "%s/agent.log", dir);
        int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        dup2(log, STDERR_FILENO);
        dup2(log, STDOUT_FILENO);
        set("CORRAL_STATE_DIR", "agent");
        set("CORRAL_DOCKER_SOCKET", "docker.sock");
        set("CORRAL_INIT_PATH", "corral-init");
        set("CORRAL_SECCOMP_PROFILE", "seccomp.json");
        set("CORRAL_CA_FILE", "pki/ca.crt");
        set("CORRAL_CERT_FILE", "pki/" NODE ".crt");
        set("CORRAL_KEY_FILE", "pki/" NODE ".key");
        setenv("CORRAL_NODE", NODE, 1);
        setenv("CORRAL_CLUSTER", "pool", 1);
        setenv("CORRAL_CONTROLLER_URLS", url, 1);
        execl(agent, agent, "serve", (char *)NULL);
        _exit(127);
    }
    snprintf(path, sizeof path, "%s/agent.pid", dir);
    FILE *f = fopen(path, "we");
    CHECK(f && fprintf(f, "%d\n", (int)agent_pid) > 0 && !fclose(f));
    UNTIL(session && pools);
}

static void kill_agent(void)
{
    kill(agent_pid, SIGKILL);
    waitpid(agent_pid, NULL, 0);
    UNTIL(!session);
}

/* --- sandboxes --- */

struct asked {
    struct sandbox_id id;
    uint64_t generation;
    const char *image, *script; /* script: NULL: it idles */
    bool pooled, own_command, env;
};

static struct sandbox_id new_id(void)
{
    static uint8_t random[10];
    random[9]++;
    return sandbox_id_make(1700000000000, random);
}

static uint8_t *pack(const struct asked *a, size_t *len)
{
    struct sandbox_spec spec = {.shm_bytes = 32 * MIB, .use_image_command = a->own_command};
    uint8_t *bytes;
    spec.image = mem_strdup(a->image ? a->image : "docker.io/library/corral-test:latest");
    if (!a->pooled)
        spec.user = mem_strdup("usr_00000000000000000000000001");
    if (a->script) {
        string_list_add(&spec.command, "/bin/sh");
        string_list_add(&spec.command, "-c");
        string_list_add(&spec.command, a->script);
    }
    if (a->env) {
        string_list_add(&spec.env, "TENANT=a value\nof two lines");
        string_list_add(&spec.env, "OF_IMAGE=replaced");
    }
    CHECK(!sandbox_spec_pack(&spec, &bytes, len, &e));
    sandbox_spec_fini(&spec);
    return bytes;
}

static void ask(const struct asked *a)
{
    size_t len;
    uint8_t *bytes = pack(a, &len);
    struct desired_state desired = {.id = a->id,
                                    .generation = a->generation,
                                    .remaining_ms = 3600000,
                                    .limits = {.memory_bytes = a->pooled ? MEMBER : TENANT,
                                               .cpu_millis = a->pooled ? 1000 : 700,
                                               .cpu_shares = a->pooled ? 512 : 700,
                                               .storage_bytes = 64 * MIB,
                                               .pids = a->pooled ? 64 : 77,
                                               .nofile = a->pooled ? 1024 : 2222},
                                    .spec = bytes,
                                    .spec_len = len,
                                    .pooled = a->pooled};
    CHECK(!node_link_desired(link_, NODE, &desired, &e));
    seen_of(&a->id)->owned |= !a->pooled;
    free(bytes);
}

static void gone(const struct sandbox_id *id, uint64_t generation, bool pooled)
{
    struct desired_state desired = {.id = *id,
                                    .generation = generation,
                                    .state = DESIRED_GONE,
                                    .reason = REASON_DELETED,
                                    .pooled = pooled};
    CHECK(!node_link_desired(link_, NODE, &desired, &e));
    struct seen *s = seen_of(id);
    UNTIL(is_over(&s->status));
    struct status_ack ack = {.id = *id, .number = s->status.number};
    node_link_ack(link_, NODE, &ack);
}

/* A member that stands ready. */
static struct sandbox_id member(void)
{
    struct asked a = {.id = new_id(), .generation = 1, .pooled = true};
    ask(&a);
    struct seen *s = seen_of(&a.id);
    UNTIL(s->status.state == SANDBOX_RUNNING || is_over(&s->status));
    CHECK(s->status.state == SANDBOX_RUNNING && s->status.pooled);
    return a.id;
}

/* Hands it out; returns whether it runs in the member's container. */
static bool hand_out(const struct sandbox_id *id, const char *script, bool env)
{
    struct asked a = {.id = *id, .generation = 2, .script = script, .env = env};
    struct seen *s = seen_of(id);
    ask(&a);
    UNTIL(s->status.generation == 2 && (s->status.state == SANDBOX_RUNNING || is_over(&s->status)));
    CHECK(s->status.state == SANDBOX_RUNNING && !s->status.pooled);
    return s->status.warm;
}

/* Waits for the file that its command writes, with a last line "done". Owned by the caller. */
static char *out_of(const struct sandbox_id *id)
{
    static char text[16384];
    char path[400];
    snprintf(path, sizeof path, "%s/agent/volumes/%s/0/out", dir, id->text);
    for (uint64_t until = loop_now_ms() + 30000;; turn()) {
        CHECK(loop_now_ms() < until);
        FILE *f = fopen(path, "re");
        size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
        if (f)
            fclose(f);
        text[n] = 0;
        if (strstr(text, "done\n"))
            return mem_strdup(text);
    }
}

/* The first line that a command prints about the sandbox $ID. */
static const char *line_of(const char *command, const struct sandbox_id *id)
{
    static char line[4096];
    setenv("ID", id->text, 1);
    FILE *f = popen(command, "re");
    CHECK(f && fgets(line, sizeof line, f));
    pclose(f);
    line[strcspn(line, "\n")] = 0;
    return line;
}

static void run(const char *command, const struct sandbox_id *id)
{
    setenv("ID", id->text, 1);
    CHECK(system(command) == 0);
}

static pid_t pid_of(const struct sandbox_id *id)
{
    return (pid_t)atoi(line_of("docker inspect -f '{{.State.Pid}}' $ID", id));
}

static uint64_t cgroup_number(const struct sandbox_id *id, enum cgroup_controller controller, const char *v1,
                              const char *v2)
{
    struct cgroup_paths paths;
    char path[700];
    unsigned long long number = 0;
    CHECK(!cgroup_paths_of("", pid_of(id), &paths, &e));
    snprintf(path, sizeof path, "%s/%s", paths.folder[controller], paths.v2 ? v2 : v1);
    FILE *f = fopen(path, "re");
    CHECK(f && fscanf(f, "%llu", &number) == 1);
    fclose(f);
    return number;
}

/* --- the tests --- */

/* All that a sandbox can see of its own making; its host name apart, which is its container's id. */
#define LOOK                                                                                                 \
    "{ pwd; env | grep -v ^HOSTNAME= | sort; [ \"$(hostname)\" = \"$HOSTNAME\" ] && echo named; ulimit -n; " \
    "ulimit -Hn; cat /proc/self/limits /proc/1/limits; grep -E '^(Uid|Gid|Groups|Cap|NoNew|Seccomp)' "       \
    "/proc/self/status; id; cat /proc/mounts | grep -o '^[^ ]* /dev/shm .*size=[0-9]*k'; "                   \
    "ls -la /workspace | wc -l; } >/tmp/out 2>&1; echo done >>/tmp/out; mv /tmp/out /workspace/out; exec "   \
    "sleep 1000"

static void test_it_is_as_if_it_was_started_cold(void)
{
    struct asked cold = {.id = new_id(), .generation = 1, .script = LOOK, .env = true};
    ask(&cold);
    CLEANUP(mem_free_ptr) char *expected = out_of(&cold.id);
    struct sandbox_id id = member();
    CHECK(hand_out(&id, LOOK, true));
    CLEANUP(mem_free_ptr) char *got = out_of(&id);
    if (strcmp(expected, got))
        fprintf(stderr, "cold:\n%s\nwarm:\n%s\n", expected, got);
    CHECK(!strcmp(expected, got) && strstr(got, "TENANT=a value") && strstr(got, "OF_IMAGE=replaced"));
    CHECK(cgroup_number(&id, CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max") == TENANT);
    CHECK(cgroup_number(&id, CGROUP_PIDS, "pids.max", "pids.max") == 77);
    CHECK(cgroup_number(&id, CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max") ==
          cgroup_number(&cold.id, CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max"));
    CHECK(cgroup_number(&id, CGROUP_CPU, "cpu.shares", "cpu.weight") ==
          cgroup_number(&cold.id, CGROUP_CPU, "cpu.shares", "cpu.weight"));
    CHECK(cgroup_number(&id, CGROUP_MEMORY, "memory.kmem.tcp.limit_in_bytes", "memory.max") ==
          cgroup_number(&cold.id, CGROUP_MEMORY, "memory.kmem.tcp.limit_in_bytes", "memory.max"));
    struct rlimit files;
    CHECK(!prlimit(pid_of(&id), RLIMIT_NOFILE, NULL, &files) && files.rlim_max == 2222);
    CHECK(!strcmp(line_of("docker inspect -f '{{index .Config.Labels \"corral.pool\"}}' $ID", &id), "true"));
    CHECK(!strcmp(line_of("docker inspect -f '{{index .Config.Labels \"corral.pool\"}}' $ID", &cold.id), ""));
    UNTIL(!strcmp(line_of("docker inspect -f '{{.HostConfig.Memory}}' $ID", &id), "134217728"));
    samples = 0;
    UNTIL(samples);
    gone(&id, 3, false);
    gone(&cold.id, 2, false);
}

/* In the image's working folder, which Docker makes. */
static void test_the_images_own_command(void)
{
    struct sandbox_id id = member();
    struct asked a = {.id = id, .generation = 2, .own_command = true};
    struct seen *s = seen_of(&id);
    ask(&a);
    UNTIL(s->status.ran && !s->status.pooled);
    CHECK(s->status.warm);
    UNTIL(is_over(&s->status));
    CHECK(s->status.has_exit_code && s->status.exit_code == 0);
    struct status_ack ack = {.id = id, .number = s->status.number};
    node_link_ack(link_, NODE, &ack);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_how_long_it_takes(void)
{
    enum { MEMBERS = 20 };
    struct sandbox_id id[MEMBERS];
    uint64_t us[MEMBERS];
    for (int i = 0; i < MEMBERS; i++)
        id[i] = member();
    for (int i = 0; i < MEMBERS; i++) {
        uint64_t before = now_us();
        CHECK(hand_out(&id[i], i < MEMBERS / 2 ? NULL : "exec sleep 1000", true));
        us[i] = seen_of(&id[i])->at_us - before;
    }
    for (int half = 0; half < 2; half++) {
        uint64_t *of = us + half * MEMBERS / 2;
        qsort(of, MEMBERS / 2, sizeof of[0], by_size);
        printf("from the desired state to the report, %s: p50 %llu us, most %llu us\n",
               half ? "command" : "idle", (unsigned long long)of[MEMBERS / 4],
               (unsigned long long)of[MEMBERS / 2 - 1]);
    }
    for (int i = 0; i < MEMBERS; i++)
        gone(&id[i], 3, false);
}

static void test_members_that_somebody_touched(void)
{
    static const char *const touches[] = {
        "docker exec -d $ID sleep 1000",
        "echo x >$DIR/agent/volumes/$ID/0/left-here && sync",
        "kill -9 $(docker inspect -f '{{.State.Pid}}' $ID)",
        "kill -STOP $(docker inspect -f '{{.State.Pid}}' $ID)",
    };
    for (size_t i = 0; i < sizeof touches / sizeof touches[0]; i++) {
        struct sandbox_id id = member();
        run(touches[i], &id);
        CHECK(!hand_out(&id, LOOK, true));
        CLEANUP(mem_free_ptr) char *got = out_of(&id);
        CHECK(strstr(got, "TENANT=a value"));
        CHECK(!strcmp(line_of("docker inspect -f '{{index .Config.Labels \"corral.pool\"}}' $ID", &id), ""));
        gone(&id, 3, false);
    }
}

/* That the kernel writes to its disk what was copied there is no change, and a cleanup leaves it alone. */
static void test_a_member_that_waits(void)
{
    struct sandbox_id id = member();
    struct cleanup_order order = {.number = 1};
    run("sync -f $DIR/agent/volumes/$ID/0", &id);
    CHECK(node_link_cleanup(link_, NODE, &order));
    UNTIL(cleaned == 1);
    CHECK(hand_out(&id, NULL, false));
    gone(&id, 3, false);
}

static void test_a_member_that_is_paused_is_ended(void)
{
    struct sandbox_id id = member();
    run("docker pause $ID >/dev/null", &id);
    struct seen *s = seen_of(&id);
    UNTIL(is_over(&s->status));
    CHECK(s->status.pooled);
    CHECK(!hand_out(&id, NULL, false)); /* its end was not acknowledged */
    gone(&id, 3, false);
}

/* A member of the image that the name meant before is of no use. */
static void test_a_name_that_means_another_image(void)
{
    struct sandbox_id id = member();
    run("docker tag corral-test:latest corral-test:before && printf 'FROM corral-test:before\\nLABEL a=b\\n' "
        "| "
        "DOCKER_BUILDKIT=0 docker build -q -t corral-test:latest - >/dev/null",
        &id);
    struct seen *s = seen_of(&id);
    UNTIL(is_over(&s->status));
    CHECK(s->status.pooled);
    gone(&id, 2, true);
    id = member();
    CHECK(hand_out(&id, NULL, false));
    gone(&id, 3, false);
}

static void test_an_absent_image_is_not_pulled(void)
{
    struct asked a = {
        .id = new_id(), .generation = 1, .pooled = true, .image = "docker.io/library/absent:latest"};
    ask(&a);
    struct seen *s = seen_of(&a.id);
    UNTIL(is_over(&s->status));
    CHECK(s->status.pooled && s->status.state == SANDBOX_FAILED &&
          s->status.reason == REASON_IMAGE_UNAVAILABLE);
    gone(&a.id, 2, true);
}

static void test_a_member_outlives_the_agent(void)
{
    struct sandbox_id id = member(), other = member();
    kill_agent();
    start_agent();
    struct seen *s = seen_of(&id);
    UNTIL(s->status.state == SANDBOX_RUNNING && s->status.pooled);
    CHECK(hand_out(&id, LOOK, true));
    CLEANUP(mem_free_ptr) char *got = out_of(&id);
    CHECK(strstr(got, "TENANT=a value"));
    kill_agent();
    start_agent();
    UNTIL(s->status.state == SANDBOX_RUNNING && s->status.warm && !s->status.pooled);
    gone(&id, 3, false);
    gone(&other, 2, true);
    CHECK(seen_of(&other)->status.pooled);
}

#define ONCE                                                                                                 \
    "{ echo begun; env; } >>/workspace/tries; { cat /workspace/tries; echo done; } >/workspace/out; "        \
    "exec sleep 1000"

/* The agent is killed at each moment of a hand-out: its command begins once, in its environment. */
static void test_a_crash_during_the_hand_out(void)
{
    unsigned warm = 0;
    for (uint64_t ms = 0; ms < 10; ms++) {
        struct asked a = {.id = member(), .generation = 2, .script = ms % 3 == 2 ? NULL : ONCE, .env = true};
        struct seen *s = seen_of(&a.id);
        ask(&a);
        turn_for(ms);
        kill_agent();
        start_agent();
        ask(&a);
        UNTIL(s->status.generation == 2 && !s->status.pooled && s->status.state == SANDBOX_RUNNING);
        warm += s->status.warm;
        if (a.script) {
            CLEANUP(mem_free_ptr) char *got = out_of(&a.id);
            const char *begun = strstr(got, "begun");
            CHECK(begun && !strstr(begun + 1, "begun") && strstr(got, "TENANT=a value"));
        }
        gone(&a.id, 3, false);
    }
    printf("%u of 10 are warm after a crash\n", warm);
}

static void records_of(char path[static 400])
{
    snprintf(path, 400, "%s/agent/records", dir);
}

/* What was on disk when the member had been found unfit for this sandbox, and was not removed yet. */
static void refuse(void *arg, const struct sandbox_record *record)
{
    const struct asked *a = arg;
    struct sandbox_record refused = *record;
    char path[400];
    if (memcmp(&record->id, &a->id, sizeof a->id) != 0)
        return;
    refused.spec = pack(a, &refused.spec_len);
    refused.generation = a->generation;
    refused.phase = PHASE_NEW;
    refused.pooled = refused.ran = false;
    refused.renewed = true;
    refused.limits.memory_bytes = TENANT;
    char *text = record_format(&refused);
    records_of(path);
    CHECK(!record_write(path, &a->id, text, &e));
    free(text);
    free(refused.spec);
}

static void on_bad_record(void *arg, const char *name, const char *why)
{
    CHECK(!"a record is bad");
}

/* The sandbox has the environment of its own record, whatever the member's init says. */
static void test_a_crash_before_an_unfit_member_is_removed(void)
{
    struct asked a = {.id = member(), .generation = 2, .script = ONCE, .env = true};
    char path[400];
    struct seen *s = seen_of(&a.id);
    kill_agent();
    records_of(path);
    CHECK(!record_load_all(path, refuse, on_bad_record, &a, &e));
    s->owned = true;
    start_agent();
    UNTIL(s->status.generation == 2 && !s->status.pooled && s->status.state == SANDBOX_RUNNING);
    CHECK(!s->status.warm);
    CLEANUP(mem_free_ptr) char *got = out_of(&a.id);
    CHECK(strstr(got, "TENANT=a value"));
    gone(&a.id, 3, false);
}

int main(int argc, char **argv)
{
    static void (*const tests[])(void) = {
        test_it_is_as_if_it_was_started_cold,
        test_the_images_own_command,
        test_how_long_it_takes,
        test_members_that_somebody_touched,
        test_a_member_that_waits,
        test_a_member_that_is_paused_is_ended,
        test_a_name_that_means_another_image,
        test_an_absent_image_is_not_pulled,
        test_a_member_outlives_the_agent,
        test_a_crash_during_the_hand_out,
        test_a_crash_before_an_unfit_member_is_removed,
    };
    if (argc != 3)
        return 2;
    dir = argv[1];
    agent = argv[2];
    setenv("DIR", dir, 1);
    snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%d", 20000 + getpid() % 10000);
    listen_to_nodes();
    start_agent();
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tests[i]();
        printf("%zu of %zu\n", i + 1, sizeof tests / sizeof tests[0]);
        fflush(stdout);
    }
    node_link_free(link_);
    loop_free(loop);
    return 0;
}
