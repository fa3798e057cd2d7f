/*
 * Which keys the environments of live sandboxes and of versions of templates, the secrets of webhooks and the
 * passwords of registries are sealed with, for the verb `secrets status`. Synchronous.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_SECRETS_H
#define CORRAL_CONTROLLER_DB_DB_SECRETS_H

#include "common/base/err.h"

#include <stdint.h>

/* key: borrowed for the call. webhooks: secrets of them; registries: passwords. */
typedef void db_secrets_cb(void *arg, const char *key, uint64_t sandboxes, uint64_t webhooks,
                           uint64_t registries, uint64_t templates);

/* Calls cb once for each key that seals something, in the order of their ids. */
int db_secrets_in_use(const char *url, db_secrets_cb *cb, void *arg, struct err *e) MUST_CHECK;

#endif
