#include "controller/verbs.h"

#include "controller/ctl_conf.h"
#include "controller/db/db_audit.h"
#include "controller/db/db_init.h"
#include "controller/db/db_migrate.h"
#include "controller/db/db_secrets.h"
#include "controller/db/db_upkeep.h"

#include "common/io/conf_verbs.h"
#include "common/io/pki.h"
#include "common/io/secrets.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Loads the configuration for a verb; if it returns 0, free *conf with conf_fini. */
static int load(const struct program *program, int argc, char **argv, struct ctl_conf *conf)
{
    struct conf_sources sources;
    memset(conf, 0, sizeof *conf);
    return conf_from_command(program, argc, argv, &sources, conf);
}

/* Removes a word that is not a configuration key from argv; returns whether it was there. */
static int take_word(int *argc, char **argv, const char *word)
{
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], word))
            continue;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i - 1) * sizeof *argv);
        (*argc)--;
        return 1;
    }
    return 0;
}

/* As take_word, for "--name VALUE"; returns the value, NULL where it is not there. Borrowed from argv. */
static const char *take_value(int *argc, char **argv, const char *name)
{
    for (int i = 0; i + 1 < *argc; i++) {
        if (strcmp(argv[i], name))
            continue;
        const char *value = argv[i + 1];
        memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 2) * sizeof *argv);
        *argc -= 2;
        return value;
    }
    return NULL;
}

/* Takes the next argument that does not begin with "--"; these stand before the keys. */
static const char *take_argument(int *argc, char ***argv)
{
    if (!*argc || !strncmp(**argv, "--", 2))
        return NULL;
    (*argc)--;
    return *(*argv)++;
}

static void print_migration(void *arg, const struct db_migration *m)
{
    printf("%04d %-24s %-8s %s\n", m->number, m->name, m->state, m->applied_at);
}

int verb_migrate(const struct program *program, int argc, char **argv)
{
    struct ctl_conf conf;
    struct err e;
    int status = take_word(&argc, argv, "--status"), applied = 0;
    int rc = load(program, argc, argv, &conf);
    if (rc)
        return rc;
    rc = status ? db_migrate_status(conf.database_url, print_migration, NULL, &e)
                : db_migrate(conf.database_url, &applied, &e);
    conf_fini(&ctl_conf_table, &conf);
    if (rc)
        return verb_failed(program, e.text);
    if (!status)
        printf("%d applied, the schema is at version %d\n", applied, db_schema_version());
    return 0;
}

int verb_init(const struct program *program, int argc, char **argv)
{
    struct ctl_conf conf;
    struct api_key key;
    struct err e;
    const char *name = take_value(&argc, argv, "--name");
    int rc = load(program, argc, argv, &conf);
    if (rc)
        return rc;
    rc = db_init_admin(conf.database_url, name ? name : "admin", &key, &e);
    conf_fini(&ctl_conf_table, &conf);
    if (rc)
        return verb_failed(program, e.text);
    puts(key.text);
    return 0;
}

int verb_audit_verify(const struct program *program, int argc, char **argv)
{
    struct ctl_conf conf;
    struct err e;
    uint64_t checked = 0, row = 0;
    int rc = load(program, argc, argv, &conf);
    if (rc)
        return rc;
    rc = db_audit_verify(conf.database_url, &checked, &row, &e);
    conf_fini(&ctl_conf_table, &conf);
    if (rc)
        return verb_failed(program, e.text);
    printf("%" PRIu64 " rows are whole\n", checked);
    return 0;
}

int verb_audit_export(const struct program *program, int argc, char **argv)
{
    struct ctl_conf conf;
    struct err e;
    int rc = load(program, argc, argv, &conf);
    if (rc)
        return rc;
    rc = db_audit_export(conf.database_url, stdout, &e);
    conf_fini(&ctl_conf_table, &conf);
    return rc ? verb_failed(program, e.text) : 0;
}

int verb_audit_prune(const struct program *program, int argc, char **argv)
{
    struct ctl_conf conf;
    struct err e;
    uint64_t removed = 0, seconds;
    const char *age = take_value(&argc, argv, "--older-than");
    if (!age || !units_parse_seconds(age, &seconds) || seconds < 86400 || seconds / 86400 > 36500) {
        fprintf(stderr, "%s: audit prune needs --older-than, such as 365d\n", program->name);
        return 2;
    }
    int rc = load(program, argc, argv, &conf);
    if (rc)
        return rc;
    rc = db_audit_prune(conf.database_url, seconds / 86400, &removed, &e);
    conf_fini(&ctl_conf_table, &conf);
    if (rc)
        return verb_failed(program, e.text);
    printf("%" PRIu64 " rows removed\n", removed);
    return 0;
}

int verb_upkeep_accept_clock(const struct program *program, int argc, char **argv)
{
    struct ctl_conf conf;
    struct err e;
    uint64_t held = 0;
    int rc = load(program, argc, argv, &conf);
    if (rc)
        return rc;
    rc = db_upkeep_accept_clock(conf.database_url, &held, &e);
    conf_fini(&ctl_conf_table, &conf);
    if (rc)
        return verb_failed(program, e.text);
    printf("upkeep follows PostgreSQL's clock again; %" PRIu64 " s were held back\n", held);
    return 0;
}

int verb_secrets_new(const struct program *program, int argc, char **argv)
{
    char line[SECRETS_LINE_MAX];
    if (argc != 1 || !secrets_is_id(argv[0])) {
        fprintf(stderr, "%s: secrets new needs the id of the key: 1 to %d of A-Z a-z 0-9 . _ -\n",
                program->name, SECRETS_ID_MAX);
        return 2;
    }
    secrets_new_line(argv[0], line);
    puts(line);
    return 0;
}

struct key_list {
    const struct secrets *secrets;
    unsigned missing;
};

static void print_key(void *arg, const char *key, uint64_t sandboxes, uint64_t webhooks, uint64_t registries,
                      uint64_t templates)
{
    struct key_list *list = arg;
    bool here = secrets_has(list->secrets, key);
    list->missing += !here;
    printf("%-32s %8" PRIu64 " sandboxes %8" PRIu64 " webhooks %8" PRIu64 " registries %8" PRIu64
           " templates %s\n",
           key, sandboxes, webhooks, registries, templates, here ? "" : "missing in the key file");
}

int verb_secrets_status(const struct program *program, int argc, char **argv)
{
    struct ctl_conf conf;
    struct secrets *secrets = NULL;
    struct err e;
    int rc = load(program, argc, argv, &conf);
    if (rc)
        return rc;
    if (conf.secrets_key_file && conf.secrets_key_file[0])
        rc = secrets_load(&secrets, conf.secrets_key_file, &e);
    struct key_list list = {.secrets = secrets};
    if (!rc && secrets)
        printf("new environments and secrets are sealed with %s\n", secrets_sealing_id(secrets));
    if (!rc)
        rc = db_secrets_in_use(conf.database_url, print_key, &list, &e);
    secrets_free(secrets);
    conf_fini(&ctl_conf_table, &conf);
    return rc ? verb_failed(program, e.text) : list.missing > 0;
}

int verb_pki_init(const struct program *program, int argc, char **argv)
{
    struct ctl_conf conf;
    struct err e;
    struct string_list hosts = {0};
    for (const char *host; (host = take_argument(&argc, &argv));)
        string_list_add(&hosts, host);
    int rc = load(program, argc, argv, &conf);
    if (!rc && pki_init(conf.pki_dir, &hosts, &e))
        rc = verb_failed(program, e.text);
    else if (!rc)
        printf("the CA and the controller's certificate are in %s\n", conf.pki_dir);
    conf_fini(&ctl_conf_table, &conf);
    string_list_fini(&hosts);
    return rc;
}

int verb_pki_issue(const struct program *program, int argc, char **argv)
{
    struct ctl_conf conf;
    struct err e;
    const char *node = take_argument(&argc, &argv), *out = take_value(&argc, argv, "--out");
    const char *days = take_value(&argc, argv, "--days");
    if (!node) {
        fprintf(stderr, "%s: pki issue needs the node's name\n", program->name);
        return 2;
    }
    int rc = load(program, argc, argv, &conf);
    if (rc)
        return rc;
    if (pki_issue(conf.pki_dir, node, days ? (unsigned)strtoul(days, NULL, 10) : PKI_NODE_DAYS,
                  out ? out : conf.pki_dir, &e))
        rc = verb_failed(program, e.text);
    else
        printf("%s/%s.crt and .key\n", out ? out : conf.pki_dir, node);
    conf_fini(&ctl_conf_table, &conf);
    return rc;
}
