/*
 * The API keys in whose name something goes on after its request was let in: a stream. Ends it when its key
 * is revoked, expires, or loses what the request needed, or its user is removed, no matter who changed that.
 * On the loop.
 *
 * The owner passes on every notice that a key may have changed. The keys concerned that have uses are then
 * read from the database again, KEY_WATCH_BATCH in a query, one query at a time; all of them are every
 * KEY_WATCH_AGAIN_MS, in case a notice was lost. While the database does not answer, uses go on until their
 * key expires, or was read CALLER_KNOWN_MS ago; if a notice of just this key came and it could not be read
 * since, for KEY_WATCH_TOLD_MS.
 */
#ifndef CORRAL_CONTROLLER_STREAMS_KEY_WATCH_H
#define CORRAL_CONTROLLER_STREAMS_KEY_WATCH_H

#include "common/io/loop.h"
#include "controller/core/caller.h"

#include <stddef.h>
#include <sys/queue.h>

#define KEY_WATCH_BATCH    256
#define KEY_WATCH_AGAIN_MS 30000
#define KEY_WATCH_RETRY_MS 1000 /* after the database failed */
#define KEY_WATCH_TOLD_MS  5000

struct key_watch;
struct watched_key;

struct key_watch_ops {
    /* Reads these keys (ids). The owner answers once, later, with key_watch_told. Copies ids. */
    void (*read)(void *owner, const char *const *ids, size_t count);
    /* Whether no notice of the caller's key has come since the caller was read. */
    bool (*is_current)(void *owner, const struct caller *caller);
};

/* Why a use ended: ERR_UNAUTHENTICATED, ERR_FORBIDDEN or ERR_DATABASE_UNAVAILABLE, with its sentence. May end
 * this use, and no other.
 */
typedef void key_ended_cb(void *arg, int code, const char *text);

/* In the memory of the user of the key; all zero before. */
struct key_use {
    struct watched_key *key;
    LIST_ENTRY(key_use) link;
    uint32_t needs;
    bool needs_admin;
    key_ended_cb *cb;
    void *arg;
};

/* Copies ops. */
struct key_watch *key_watch_new(struct loop *loop, const struct key_watch_ops *ops, void *owner);
/* No use is left. NULL is allowed. */
void key_watch_free(struct key_watch *watch);

/* The key with this prefix, or any key ("*"), may have changed. */
void key_watch_changed(struct key_watch *watch, const char *prefix);

/* Answers read. A key that was asked for and has no status is valid no more. code not 0: nothing was read. */
void key_watch_told(struct key_watch *watch, int code, const struct key_status *status, size_t count);

/* Watches the caller's key for what the caller's request needs. Calls cb at most once, never in this call. */
void key_use_begin(struct key_watch *watch, struct key_use *use, const struct caller *caller,
                   key_ended_cb *cb, void *arg);
/* Idempotent; cb is not called afterwards. */
void key_use_end(struct key_use *use);

#endif
