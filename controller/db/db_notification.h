/* What users are told (sql/functions/notifications.sql). */
#ifndef CORRAL_CONTROLLER_DB_DB_NOTIFICATION_H
#define CORRAL_CONTROLLER_DB_DB_NOTIFICATION_H

#include "controller/db/db_admit.h"

/* A page of the user's, newest first; ERR_INVALID where the cursor is none of this list's. */
void db_notification_list(struct db_pool *pool, const char *user_id, bool unread, const char *cursor,
                          unsigned limit, db_page_cb *cb, void *arg);

/* Marks one of the user's as read; id NULL: all. ERR_NOT_FOUND. */
void db_notification_read(struct db_pool *pool, const char *user_id, const char *id, db_json_cb *cb,
                          void *arg);

/* Looks for ends within lead_seconds and for quotas that are nearly used up, and tells of new ones, some
 * hundred at a time. */
void db_notification_look(struct db_pool *pool, uint64_t lead_seconds, const struct db_defaults *defaults);

#endif
