/*
 * The catalogue of images and the credentials of registries (sql/functions/images.sql). Each change by an
 * administrator is one transaction with its audit row; passwords come sealed (common/io/secrets.h). Names of
 * images are whole ones (image_ref_full).
 */
#ifndef CORRAL_CONTROLLER_DB_DB_IMAGE_H
#define CORRAL_CONTROLLER_DB_DB_IMAGE_H

#include "controller/db/db_pool.h"
#include "controller/db/db_webhook.h"

/* --- administrators --- */

struct db_image_filter {
    const char *node;   /* only images that it has; NULL: any */
    const char *pinned; /* "true", "false"; NULL: any */
    const char *cursor;
    unsigned limit;
};
void db_image_list(struct db_pool *pool, const struct db_image_filter *filter, db_page_cb *cb, void *arg);
void db_image_get(struct db_pool *pool, const char *ref, db_json_cb *cb, void *arg);
/* ask: {pin, update, nodes, region, labels}. */
void db_image_pull(struct db_pool *pool, const char *ref, const char *ask, const struct db_actor *actor,
                   db_json_cb *cb, void *arg);
/* patch: {pinned}. */
void db_image_patch(struct db_pool *pool, const char *ref, const char *patch, const struct db_actor *actor,
                    db_json_cb *cb, void *arg);
/* json NULL: no node had it, and it is gone; else the nodes remove it. */
void db_image_delete(struct db_pool *pool, const char *ref, const struct db_actor *actor, db_json_cb *cb,
                     void *arg);
/* ask: {dry_run, older_than_seconds}. json: what is found, as db_image_prune_state takes it. */
void db_image_prune(struct db_pool *pool, const char *ask, const struct db_actor *actor, db_json_cb *cb,
                    void *arg);
/* json: the answer so far; left: what the nodes have not removed yet. */
typedef void db_image_prune_cb(void *arg, int code, const struct err *e, const char *json, uint64_t left);
void db_image_prune_state(struct db_pool *pool, const char *found, bool dry_run, db_image_prune_cb *cb,
                          void *arg);

void db_registry_list(struct db_pool *pool, const char *cursor, unsigned limit, db_page_cb *cb, void *arg);
void db_registry_set(struct db_pool *pool, const char *name, const char *username,
                     const struct db_sealed *password, const struct db_actor *actor, db_json_cb *cb,
                     void *arg);
void db_registry_delete(struct db_pool *pool, const char *name, const struct db_actor *actor, db_json_cb *cb,
                        void *arg);

/* --- the leader --- */

/* What a node is to do with an image. Borrowed for the call. */
struct db_image_order {
    const char *node, *ref;
    const char *digest; /* "": the node asks the registry what the name stands for */
    uint64_t generation;
    bool pull, keep, remove;
};

typedef void db_image_orders_cb(void *arg, int code, const struct err *e, const struct db_image_order *orders,
                                size_t count);
void db_image_orders(struct db_pool *pool, db_image_orders_cb *cb, void *arg);

/* How nodes log in to a registry: at most NODE_LOGINS_MAX. Borrowed for the call. */
struct db_registry_login {
    const char *registry, *username;
    const char *password; /* sealed, in hexadecimal */
};
typedef void db_registry_logins_cb(void *arg, int code, const struct err *e,
                                   const struct db_registry_login *logins, size_t count);
void db_registry_logins(struct db_pool *pool, db_registry_logins_cb *cb, void *arg);

/* What each name stands for, one row each: ref, digest. */
struct db_image_digest {
    const char *ref, *digest;
    const char *event; /* of a node's report: what became of its pull; NULL: nothing */
};
typedef void db_image_digests_cb(void *arg, int code, const struct err *e,
                                 const struct db_image_digest *digests, size_t count);
/* The next page, of names after this one ("": the first). */
void db_image_digests(struct db_pool *pool, const char *after, unsigned most, db_image_digests_cb *cb,
                      void *arg);
/* Of one name: digest "" where it is not known. */
void db_image_digest(struct db_pool *pool, const char *ref, db_image_digests_cb *cb, void *arg);

/* A node's report (an array, sql/functions/images.sql says of what). whole: all that it holds. Told are the
 * names that stand for another digest now ("": for none), or whose pulls began or ended, and an empty name
 * where orders may have changed. */
void db_images_told(struct db_pool *pool, const char *node, const char *items, bool whole,
                    db_image_digests_cb *cb, void *arg);

#endif
