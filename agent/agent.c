#include "agent/agent.h"

#include "agent/agent_state.h"
#include "agent/disk/link_folder.h"
#include "agent/disk/own_copy.h"
#include "agent/engine/dispatch.h"
#include "agent/node/base_image.h"
#include "agent/node/cleanup.h"
#include "agent/node/cleanup_run.h"
#include "agent/node/history.h"
#include "agent/node/host_mask.h"
#include "agent/node/host_probe.h"
#include "agent/node/image_analysis.h"
#include "agent/node/image_orders.h"
#include "agent/node/images.h"
#include "agent/node/logs.h"
#include "agent/sandbox/late.h"
#include "agent/sandbox/remove.h"
#include "agent/sandbox/take_log.h"
#include "agent/sandbox/watch.h"
#include "agent/sources/clock_source.h"
#include "agent/sources/controller_source.h"
#include "agent/sources/restore.h"
#include "agent/streams/image_stream.h"
#include "agent/streams/log_stream.h"
#include "agent/streams/stream_link.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/io/pki.h"
#include "common/io/secrets.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIAL_MS                                                                                              \
    2000 /* without Docker's first answer; a session that begins after it needs no second hello              \
          */
/* As many jobs as Docker starts at once. A job that hangs on a bad disk blocks only its own sandbox. */
#define DISK_THREADS 4
/* sandbox/kill.c: signallers only send signals; a forcer may wait for the kernel for seconds. */
#define SIGNAL_THREADS 4
#define FORCE_THREADS  12
#define URGENT_NICE    (-10) /* of this thread: on Linux each thread has its own, and new threads inherit it */

static int read_text(const char *path, char *out, size_t size, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    size_t len = fread(out, 1, size - 1, f);
    fclose(f);
    out[len] = 0;
    out[strcspn(out, "\n")] = 0;
    return 0;
}

static int make_folder(const char *path, mode_t mode, struct err *e)
{
    if (mkdir(path, mode) && errno != EEXIST)
        return err_set(e, ERR_CONFIG, "state_dir: %s: %s", path, strerror(errno));
    return 0;
}

static int make_folders(struct agent *agent, struct err *e)
{
    const char *state = agent->conf->state_dir;
    struct err why;
    snprintf(agent->records_dir, sizeof agent->records_dir, "%s/records", state);
    snprintf(agent->links_dir, sizeof agent->links_dir, "%s/links", state);
    int rc = make_folder(state, 0711, e);
    if (!rc)
        rc = make_folder(agent->records_dir, 0700, e);
    if (!rc)
        rc = make_folder(agent->links_dir, 0711, e);
    if (!rc && link_folder_mount(agent->links_dir, &why))
        log_warn("agent",
                 "the inits' sockets are on the disk, so a disk that hangs delays the end of sandboxes: %s",
                 why.text);
    if (!rc && access(agent->conf->init_path, X_OK))
        rc = err_set(e, ERR_CONFIG, "init_path: %s: %s", agent->conf->init_path, strerror(errno));
    return rc;
}

/* Copies the init that came with this agent. An upgrade may replace the installed init before this agent is
 * restarted, and the two may not understand each other. */
static void keep_init(struct agent *agent)
{
    struct err e;
    struct stat st;
    snprintf(agent->init_path, sizeof agent->init_path, "%s/init", agent->conf->state_dir);
    if (own_copy_make(agent->conf->init_path, agent->init_path, &e)) {
        log_warn("agent", "the installed init is used directly, although an upgrade may replace it: %s",
                 e.text);
        snprintf(agent->init_path, sizeof agent->init_path, "%s", agent->conf->init_path);
    }
    if (!stat(agent->init_path, &st)) {
        agent->init_device = st.st_dev;
        agent->init_inode = st.st_ino;
    }
}

/*
 * Names this state folder with a random id, made at the first start. The controller does not trust a node at
 * once if it comes with another id and without the sandboxes that ran here (docs/hardening.md).
 */
static int name_state(struct agent *agent, struct err *e)
{
    char path[300], fresh[300];
    uint8_t random[16];
    snprintf(path, sizeof path, "%s/state_id", agent->conf->state_dir);
    snprintf(fresh, sizeof fresh, "%s/state_id.new", agent->conf->state_dir);
    if (!read_text(path, agent->state_id, sizeof agent->state_id, NULL) && strlen(agent->state_id) == 32)
        return 0;
    pki_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(agent->state_id + 2 * i, 3, "%02x", random[i]);
    FILE *f = fopen(fresh, "we");
    bool ok = f && fputs(agent->state_id, f) >= 0 && !fflush(f) && !fsync(fileno(f));
    ok = f && !fclose(f) && ok && !rename(fresh, path);
    return ok ? 0 : err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

/* The key that seals environments in the records is made at the first start (sandbox/environment.h). */
static int load_secrets(struct agent *agent, struct err *e)
{
    char path[300];
    snprintf(path, sizeof path, "%s/secrets.key", agent->conf->state_dir);
    return secrets_load_or_make(&agent->secrets, path, "node", e);
}

static int make_uplink(struct agent *agent, struct err *e)
{
    struct string_list urls = {0};
    char *copy = mem_strdup(agent->conf->controller_urls), *rest = copy;
    for (char *url; rest && (url = strsep(&rest, ","));)
        string_list_add(&urls, url);
    struct uplink_conf conf = {.node = agent->node,
                               .urls = &urls,
                               .ca_file = agent->conf->ca_file,
                               .cert_file = agent->conf->cert_file,
                               .key_file = agent->conf->key_file,
                               .highest_epoch = outbox_epoch(agent->outbox),
                               .outbox = agent->outbox};
    int rc = uplink_new(&agent->uplink, agent->loop, &conf, &agent_uplink_ops, agent, e);
    string_list_fini(&urls);
    free(copy);
    return rc;
}

/*
 * Where the kernel groups the processes of a session (sched_autogroup_enabled), the priority of a thread only
 * counts within its session. Where this session is the agent's own, its priority is raised, too.
 */
static void raise_session(void)
{
    FILE *f = getsid(0) == getpid() ? fopen("/proc/self/autogroup", "we") : NULL;
    if (f && (fprintf(f, "%d", URGENT_NICE) < 0 || fflush(f)))
        log_warn("agent", "the agent's session runs with normal priority: %s", strerror(errno));
    if (f)
        fclose(f);
}

/*
 * Starts the disk's threads first: they, and the mkfs that they run, keep the normal priority. The loop, the
 * threads that end sandboxes and the alarm run before Docker and everything else on this host, because
 * deadlines depend on them.
 */
static int start_threads(struct agent *agent, struct err *e)
{
    int rc = worker_new(&agent->worker, agent->loop, DISK_THREADS, e);
    if (!rc && setpriority(PRIO_PROCESS, 0, URGENT_NICE))
        log_warn("agent", "the agent runs with normal priority: %s", strerror(errno));
    raise_session();
    if (!rc)
        rc = worker_new(&agent->signallers, agent->loop, SIGNAL_THREADS, e);
    if (!rc)
        rc = worker_new(&agent->forcers, agent->loop, FORCE_THREADS, e);
    return rc ? rc : cgroup_alarm_new(&agent->alarm, agent->loop, agent_on_alarm, agent, e);
}

#define STARTS_LEAST     4 /* also with one processor: most of a start is waiting */
#define STARTS_LONG_MOST 64

/* More starts at once make all of them slower, and starve the sandboxes that run (tests/bench/storm.py). */
static unsigned places_of(const struct agent_conf *conf)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (conf->starts_at_once)
        return (unsigned)conf->starts_at_once;
    return cpus > STARTS_LEAST ? (unsigned)cpus : STARTS_LEAST;
}

int agent_new(struct agent **out, struct loop *loop, const struct agent_conf *conf, struct err *e)
{
    struct agent *agent = mem_zalloc(sizeof *agent);
    agent->loop = loop;
    agent->conf = conf;
    agent->reconciler = reconciler_new();
    agent->traces = trace_table_new();
    agent->engine = engine_new(loop, &agent_engine_ops, agent);
    agent->cleanup_number = wall_now_ms() << 10; /* rises over restarts */
    agent->cleaned_ms = loop_now_ms();
    if (conf->node)
        snprintf(agent->node, sizeof agent->node, "%s", conf->node);
    else
        gethostname(agent->node, sizeof agent->node - 1);
    snprintf(agent->unhealthy, sizeof agent->unhealthy, "Docker has not answered yet");
    int rc = read_text("/proc/sys/kernel/random/boot_id", agent->boot_id, sizeof agent->boot_id, e);
    if (!rc)
        rc = make_folders(agent, e);
    if (!rc) {
        keep_init(agent);
        rc = name_state(agent, e);
    }
    if (!rc)
        rc = load_secrets(agent, e);
    if (!rc)
        rc = host_seccomp(conf, &agent->seccomp, e);
    if (!rc)
        rc = cgroup_mounts_read("", &agent->mounts, e);
    if (!rc)
        rc = start_threads(agent, e);
    if (!rc) {
        agent_outbox_open(agent);
        rc = make_uplink(agent, e);
    }
    if (rc) {
        agent_free(agent);
        return rc;
    }
    agent_logs_start(agent);
    agent_take_log_init(agent);
    agent->log_streams = log_streams_new(agent);
    agent->image_analysis = image_analysis_new(agent);
    agent->image_streams = image_streams_new(agent);
    agent->stream_link = stream_link_new(agent);
    turns_init(&agent->turns,
               &(struct turns_bounds){.places = places_of(conf), .long_most = STARTS_LONG_MOST});
    agent->docker = docker_new(loop, conf->docker_socket);
    host_masks("", &agent->masked);
    host_read_only(&agent->read_only);
    *out = agent;
    return 0;
}

int agent_start(struct agent *agent, struct err *e)
{
    agent->image_changes = 1;
    agent->started_ms = loop_now_ms();
    int rc = agent_restore_records(agent, e);
    if (rc)
        return rc;
    agent_images_load(agent);
    agent->image_orders = image_orders_new(agent);
    agent_outbox_restore(agent);
    agent_tick_start(agent); /* sandboxes past their deadline end in the first turn, with or without Docker */
    agent_meet_docker(agent);
    agent_watch_start(agent);
    timer_start(&agent->dialing, agent->loop, DIAL_MS, agent_dial, agent);
    return 0;
}

void agent_reload(struct agent *agent)
{
    struct runtime *runtime, *next;
    log_info("agent", "configuration reloaded");
    HASH_ITER(hh, agent->runtimes, runtime, next)
    agent_watch_level(runtime);
}

void agent_free(struct agent *agent)
{
    struct runtime *runtime, *next;
    if (!agent)
        return;
    timer_stop(&agent->tick);
    timer_stop(&agent->sampling);
    timer_stop(&agent->docker_retry);
    timer_stop(&agent->dialing);
    timer_stop(&agent->members_looking);
    agent_base_stop(agent);
    image_orders_stop(agent->image_orders);
    uplink_free(agent->uplink);
    stream_link_free(agent->stream_link);
    agent->stream_link = NULL;
    docker_free(agent->docker);
    image_orders_free(agent->image_orders);
    image_analysis_free(agent->image_analysis);
    image_streams_free(agent->image_streams);
    agent_late_free(agent);
    cleanup_free(agent);
    worker_free(agent->signallers);
    worker_free(agent->forcers);
    worker_free(agent->worker);
    log_streams_free(agent->log_streams);
    agent_logs_free(agent);
    agent_outbox_close(agent);
    volumes_free(agent->volumes);
    HASH_ITER(hh, agent->runtimes, runtime, next)
    agent_runtime_free(runtime);
    cgroup_alarm_free(agent->alarm);
    engine_free(agent->engine);
    reconciler_free(agent->reconciler);
    trace_table_free(agent->traces);
    docker_facts_fini(&agent->docker_facts);
    secrets_free(agent->secrets);
    free(agent->seccomp);
    string_list_fini(&agent->masked);
    string_list_fini(&agent->read_only);
    image_memory_fini(&agent->images);
    login_table_fini(&agent->logins);
    free(agent);
}
