/* Migrates, checks the refusals, and makes the first administrator. usage: db_migrate URL; prints what
 * failed. */
#include "controller/db/db_audit.h"
#include "controller/db/db_init.h"
#include "controller/db/db_migrate.h"

#include <stdio.h>
#include <string.h>

struct counts {
    int all, pending;
};

static void count(void *arg, const struct db_migration *m)
{
    struct counts *counts = arg;
    counts->all++;
    counts->pending += strcmp(m->state, "pending") == 0;
}

static int check(int ok, const char *what, const struct err *e)
{
    if (!ok)
        fprintf(stderr, "failed: %s: %s\n", what, e->text);
    return ok ? 0 : 1;
}

static int fresh(const char *url)
{
    struct err e = {0};
    struct api_key key;
    struct counts counts = {0};
    int applied = 0, bad = 0;
    uint64_t rows = 0, seq = 0;
    bad +=
        check(db_migrate_status(url, count, &counts, &e) == 0 && counts.all && counts.pending == counts.all,
              "all are pending", &e);
    bad += check(db_migrate(url, &applied, &e) == 0 && applied == counts.all, "all are applied", &e);
    bad += check(db_migrate(url, &applied, &e) == 0 && applied == 0, "a second time does nothing", &e);
    bad += check(db_init_admin(url, "root", &key, &e) == 0, "the first administrator", &e);
    bad += check(db_init_admin(url, "other", &key, &e) == ERR_CONFLICT, "no second one", &e);
    bad += check(db_audit_verify(url, &rows, &seq, &e) == 0 && rows == 1, "the act is audited", &e);
    return bad;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    uint64_t rows = 0, seq = 0;
    if (argc == 2)
        return fresh(argv[1]);
    if (strcmp(argv[2], "refused") == 0)
        return check(db_migrate(argv[1], NULL, &e) == ERR_CONFLICT && strstr(e.text, argv[3]), argv[3], &e);
    if (strcmp(argv[2], "failed") == 0)
        return check(db_migrate(argv[1], NULL, &e) == ERR_INTERNAL && strstr(e.text, argv[3]), argv[3], &e);
    int code = db_audit_verify(argv[1], &rows, &seq, &e);
    printf("%s %d\n", code ? e.text : "whole", (int)rows);
    return 0;
}
