/* corral-controller: parses, builds, starts, loops, tears down. */
#include "controller/controller.h"
#include "controller/verbs.h"

#include "common/io/conf_verbs.h"
#include "common/io/daemon.h"
#include "common/io/log.h"

#include <malloc.h>

#define LARGE_BYTES (128 * 1024)

struct serving {
    struct ctl_conf conf;
    struct conf_sources sources;
    struct controller *controller;
};

static void on_changed(void *arg, const char *key, bool taken)
{
    log_info("controller", "%s changed%s", key, taken ? "" : ", which takes a restart");
}

/* All or nothing: everything that can fail is tried on a copy first. */
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

static int run(const struct program *program, struct serving *s)
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
        controller_drain(s->controller);
        daemon_stop(&daemon);
        rc = controller_failure(s->controller, &e);
    }
    controller_free(s->controller);
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
    /*
     * Returns the memory of large answers to the system: with a fixed threshold, glibc does not raise it by
     * itself.
     */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
    daemon_raise_files();
    log_begin();
    rc = run(program, &s);
    conf_fini(&ctl_conf_table, &s.conf);
    return rc;
}

static const struct verb verbs[] = {
    {"serve", "[--config FILE] [--KEY VALUE]...", "Runs the control plane.", serve},
    {"migrate", "[--status] [--config FILE]",
     "Brings the database's schema up to date, or lists what is applied.", verb_migrate},
    {"init", "[--name NAME] [--config FILE]",
     "Creates the first administrator and prints the API key, only this once.", verb_init},
    {"pki init", "[HOST...] [--config FILE]", "Creates the cluster's CA and the controller's certificate.",
     verb_pki_init},
    {"pki issue", "NODE [--out DIR] [--days N] [--config FILE]",
     "Creates the certificate of a node, valid for a year.", verb_pki_issue},
    {"secrets new", "ID", "Prints a line of a key file (secrets_key_file) with a new key.", verb_secrets_new},
    {"secrets status", "[--config FILE]",
     "Lists the keys that environments of live sandboxes are sealed with; fails if one is missing.",
     verb_secrets_status},
    {"audit verify", "[--config FILE]", "Verifies the audit chain, and names the first row that is wrong.",
     verb_audit_verify},
    {"audit export", "[--config FILE]", "Prints the audit as lines of JSON, oldest first.",
     verb_audit_export},
    {"audit prune", "--older-than TIME [--config FILE]",
     "Removes old rows of the audit; the chain then begins after them and can still be verified.",
     verb_audit_prune},
    {"upkeep accept-clock", "[--config FILE]",
     "Confirms that PostgreSQL's clock is right after it was set, and releases what upkeep held back.",
     verb_upkeep_accept_clock},
    CONF_VERBS,
};

int main(int argc, char **argv)
{
    static const struct program program = {.name = "corral-controller",
                                           .about = "corral-controller is the control plane of Corral.",
                                           .conf = &ctl_conf_table,
                                           .conf_file = CTL_CONF_FILE,
                                           .verbs = verbs,
                                           .verb_count = ARRAY_LEN(verbs)};
    return verb_main(&program, argc, argv);
}
