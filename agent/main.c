/* corral-agent: parses, builds, starts, loops, tears down. */
#include "agent/agent.h"
#include "agent/host_probe.h"

#include "common/conf_verbs.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/verb.h"

#include <stdio.h>

#define PROGRAM "corral-agent"

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

static int run(struct serving *s)
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
    return rc ? verb_failed(PROGRAM, e.text) : 0;
}

static int serve(int argc, char **argv)
{
    struct serving s = {0};
    int rc = conf_from_command(PROGRAM, &agent_conf_table, AGENT_CONF_FILE, argc, argv, &s.sources, &s.conf);
    if (rc)
        return rc;
    log_set_level_name(s.conf.log_level);
    daemon_raise_files();
    rc = run(&s);
    conf_fini(&agent_conf_table, &s.conf);
    return rc;
}

static int config_check(int argc, char **argv)
{
    return conf_verb_check(PROGRAM, &agent_conf_table, AGENT_CONF_FILE, argc, argv);
}

static int config_show(int argc, char **argv)
{
    return conf_verb_show(PROGRAM, &agent_conf_table, AGENT_CONF_FILE, argc, argv);
}

static int config_env(int argc, char **argv)
{
    return conf_verb_texts(&agent_conf_table, false, argc, argv);
}

static int config_docs(int argc, char **argv)
{
    return conf_verb_texts(&agent_conf_table, true, argc, argv);
}

static const struct verb verbs[] = {
    {"serve", "[--config FILE] [--KEY VALUE]...", "Runs the agent of this host.", serve},
    {"doctor", "[--json] [--config FILE]",
     "Says what this host enforces, what it cannot, and how to mend it.", agent_doctor},
    {"config check", "[--config FILE] [--KEY VALUE]...", "Says whether the configuration can be used.",
     config_check},
    {"config show", "[--config FILE] [--effective]", "Prints what is in force, secrets hidden.", config_show},
    {"config env", "", "Prints every key as an environment file.", config_env},
    {"config docs", "", "Prints every key as a table of Markdown.", config_docs},
};

int main(int argc, char **argv)
{
    return verb_main(PROGRAM, "corral-agent guards the sandboxes of one host.", verbs, ARRAY_LEN(verbs), argc,
                     argv);
}
