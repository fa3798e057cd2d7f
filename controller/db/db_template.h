/*
 * Templates, as users see and change them, and as creates take them. Each change is one transaction with its
 * audit row; environments come sealed (common/io/secrets.h), for db_template_subject. ERR_NOT_FOUND where
 * the template is not there, or is another user's.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_TEMPLATE_H
#define CORRAL_CONTROLLER_DB_DB_TEMPLATE_H

#include "controller/db/db_pool.h"

#define DB_TEMPLATE_NAME_MAX    63
#define DB_TEMPLATE_REF_MAX     (DB_TEMPLATE_NAME_MAX + 11) /* NAME@NUMBER */
#define DB_TEMPLATE_SUBJECT_MAX 128

enum db_template_kind { DB_TEMPLATE_ANY, DB_TEMPLATE_OWN, DB_TEMPLATE_SHARED };

/* Which template is meant: of this user or shared; ANY: the user's own one before a shared one. */
struct db_template_name {
    const char *name; /* NAME, the newest version, or NAME@NUMBER; of a list "" */
    const char *user_id;
    const char *user; /* an administrator's: of this user instead, an id or a name; NULL: none */
    enum db_template_kind kind;
};

/* What its environment is sealed for. */
void db_template_subject(const char *user_id, bool shared, const char *name,
                         char out[static DB_TEMPLATE_SUBJECT_MAX]);

/* A version, as it is read. Borrowed for the call. */
struct db_template {
    const char *ref; /* NAME@NUMBER */
    uint64_t version;
    const char *body;    /* a JSON object: what a create says, without its environment */
    const char *subject; /* of the seal of its environment */
    const uint8_t *env;  /* sealed; NULL: it has none */
    size_t env_len;
};

/* code 0: t is there. */
typedef void db_template_cb(void *arg, int code, const struct err *e, const struct db_template *t);
void db_template_read(struct db_pool *pool, const struct db_template_name *which, db_template_cb *cb,
                      void *arg);

/* What is said of a version that is made. */
struct db_template_made {
    const char *body, *image_ref;
    bool env_given;        /* else it keeps the environment of the version before */
    const char *env_names; /* a JSON array */
    const uint8_t *env;    /* sealed; NULL: it has none */
    size_t env_len;
    const char *env_key;
};

/* id: "tpl_…". ERR_CONFLICT: there is one of this name, or as many as may be. */
void db_template_create(struct db_pool *pool, const char *id, const struct db_template_name *which,
                        const struct db_template_made *made, int warm, const struct db_actor *actor,
                        db_json_cb *cb, void *arg);
/* base: the version that made was made of. warm: members of the warm pool; below 0: as before, first none.
 * ERR_CONFLICT: it has changed since. */
void db_template_patch(struct db_pool *pool, const struct db_template_name *which, uint64_t base,
                       const struct db_template_made *made, int warm, const struct db_actor *actor,
                       db_json_cb *cb, void *arg);
void db_template_delete(struct db_pool *pool, const struct db_template_name *which,
                        const struct db_actor *actor, db_json_cb *cb, void *arg);
void db_template_get(struct db_pool *pool, const struct db_template_name *which, db_json_cb *cb, void *arg);
void db_template_list(struct db_pool *pool, const struct db_template_name *which, const char *cursor,
                      unsigned limit, db_page_cb *cb, void *arg);
void db_template_versions(struct db_pool *pool, const struct db_template_name *which, const char *cursor,
                          unsigned limit, db_page_cb *cb, void *arg);

#endif
