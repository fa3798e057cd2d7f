/* corral-agent: parses, builds, starts, loops, tears down. */
#include "agent/agent.h"
#include "agent/node/doctor.h"

#include "common/io/conf_verbs.h"
#include "common/io/daemon.h"
#include "common/io/log.h"

#include <stdio.h>

struct serving {
    struct agent_conf conf;
    struct conf_sources sources;
    struct agent *agent;
};

static void on_changed(void *arg, const char *key, bool taken)
{
    log_info("agent", "%s changed%s", key, taken ? "" : ", which takes a restart");
}

static void on_reload(void *arg)
{
    struct serving *s = arg;
    struct err e;
    if (conf_reload(&agent_conf_table, &s->sources, &s->conf, on_changed, NULL, &e)) {
        log_error("agent", "nothing was reloaded: %s", e.text);
        return;
    }
    log_set_level_name(s->conf.log_level);
    agent_reload(s->agent);
}

static int run(const struct program *program, struct serving *s)
{
    struct loop *loop = loop_new();
    struct daemon daemon;
    struct err e;
    int rc = agent_new(&s->agent, loop, &s->conf, &e);
    if (!rc)
        rc = agent_start(s->agent, &e);
    if (!rc)
        rc = daemon_start(&daemon, loop, s->conf.pid_file, on_reload, s, &e);
    if (!rc) {
        daemon_notify("READY=1");
        loop_run(loop);
        daemon_stop(&daemon);
    }
    agent_free(s->agent);
    loop_free(loop);
    log_end();
    return rc ? verb_failed(program, e.text) : 0;
}

static int serve(const struct program *program, int argc, char **argv)
{
    struct serving s = {0};
    int rc = conf_from_command(program, argc, argv, &s.sources, &s.conf);
    if (rc)
        return rc;
    log_set_level_name(s.conf.log_level);
    daemon_raise_files();
    log_begin();
    rc = run(program, &s);
    conf_fini(&agent_conf_table, &s.conf);
    return rc;
}

static const struct verb verbs[] = {
    {"serve", "[--config FILE] [--KEY VALUE]...", "Runs the agent of this node.", serve},
    {"doctor", "[--json] [--config FILE]",
     "Says what this node enforces, what it cannot, and how to mend it.", agent_doctor},
    CONF_VERBS,
};

int main(int argc, char **argv)
{
    static const struct program program = {.name = "corral-agent",
                                           .about = "corral-agent guards the sandboxes of one node.",
                                           .conf = &agent_conf_table,
                                           .conf_file = AGENT_CONF_FILE,
                                           .verbs = verbs,
                                           .verb_count = ARRAY_LEN(verbs)};
    return verb_main(&program, argc, argv);
}
