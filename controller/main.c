/* corral-controller: parses, builds, starts, loops, tears down. */
#include "controller/controller.h"
#include "controller/verbs.h"

#include "common/conf_verbs.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/verb.h"

#define PROGRAM "corral-controller"

struct serving {
    struct ctl_conf conf;
    struct conf_sources sources;
    struct controller *controller;
};

static void on_changed(void *arg, const char *key, bool taken)
{
    log_info("controller", "%s changed%s", key, taken ? "" : ", which takes a restart");
}

/* All or nothing: what could go wrong is tried on a copy first. */
static void on_reload(void *arg)
{
    struct serving *s = arg;
    struct err e;
    struct ctl_conf fresh = {0};
    int rc = conf_load(&ctl_conf_table, &s->sources, &fresh, &e);
    if (!rc)
        rc = controller_prepare_reload(s->controller, &fresh, &e);
    conf_fini(&ctl_conf_table, &fresh);
    if (rc || conf_reload(&ctl_conf_table, &s->sources, &s->conf, on_changed, NULL, &e)) {
        log_error("controller", "nothing was reloaded: %s", e.text);
        return;
    }
    log_set_level_name(s->conf.log_level);
    controller_reload(s->controller);
}

static int run(struct serving *s)
{
    struct loop *loop = loop_new();
    struct daemon daemon;
    struct err e;
    int rc = controller_new(&s->controller, loop, &s->conf, &e);
    if (!rc)
        rc = daemon_start(&daemon, loop, s->conf.pid_file, on_reload, s, &e);
    if (!rc) {
        daemon_notify("READY=1");
        loop_run(loop);
        daemon_stop(&daemon);
        rc = controller_failure(s->controller, &e);
    }
    controller_free(s->controller);
    loop_free(loop);
    return rc ? verb_failed(PROGRAM, e.text) : 0;
}

static int serve(int argc, char **argv)
{
    struct serving s = {0};
    int rc = conf_from_command(PROGRAM, &ctl_conf_table, CTL_CONF_FILE, argc, argv, &s.sources, &s.conf);
    if (rc)
        return rc;
    log_set_level_name(s.conf.log_level);
    daemon_raise_files();
    rc = run(&s);
    conf_fini(&ctl_conf_table, &s.conf);
    return rc;
}

static int config_check(int argc, char **argv)
{
    return conf_verb_check(PROGRAM, &ctl_conf_table, CTL_CONF_FILE, argc, argv);
}

static int config_show(int argc, char **argv)
{
    return conf_verb_show(PROGRAM, &ctl_conf_table, CTL_CONF_FILE, argc, argv);
}

static int config_env(int argc, char **argv)
{
    return conf_verb_texts(&ctl_conf_table, false, argc, argv);
}

static int config_docs(int argc, char **argv)
{
    return conf_verb_texts(&ctl_conf_table, true, argc, argv);
}

static const struct verb verbs[] = {
    {"serve", "[--config FILE] [--KEY VALUE]...", "Runs the control plane.", serve},
    {"migrate", "[--status] [--config FILE]",
     "Brings the database's schema up to date, or lists what is applied.", verb_migrate},
    {"init", "[--name NAME] [--config FILE]", "Makes the first administrator and prints the API key, once.",
     verb_init},
    {"pki init", "[HOST...] [--config FILE]", "Makes the cluster's CA and the controller's certificate.",
     verb_pki_init},
    {"pki issue", "NODE [--out DIR] [--config FILE]", "Makes the certificate of a host.", verb_pki_issue},
    {"audit verify", "[--config FILE]", "Recomputes the audit chain, and names the first row that is wrong.",
     verb_audit_verify},
    {"audit export", "[--config FILE]", "Prints the audit as lines of JSON, oldest first.",
     verb_audit_export},
    {"audit prune", "--older-than TIME [--config FILE]",
     "Removes old rows of the audit; the chain begins after them, and stays provable.", verb_audit_prune},
    {"config check", "[--config FILE] [--KEY VALUE]...", "Says whether the configuration can be used.",
     config_check},
    {"config show", "[--config FILE] [--effective]", "Prints what is in force, secrets hidden.", config_show},
    {"config env", "", "Prints every key as an environment file.", config_env},
    {"config docs", "", "Prints every key as a table of Markdown.", config_docs},
};

int main(int argc, char **argv)
{
    return verb_main(PROGRAM, "corral-controller is the control plane of Corral.", verbs, ARRAY_LEN(verbs),
                     argc, argv);
}
