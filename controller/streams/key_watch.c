#include "controller/streams/key_watch.h"

#include "common/base/err.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct watched_key {
    struct key_watch *watch;
    char id[KEY_ID_MAX + 1];
    char prefix[KEY_PREFIX_MAX + 1];
    LIST_HEAD(, key_use) uses;
    uint64_t read_ms; /* when the database last said that it is valid */
    bool stale;       /* to be read again */
    bool asked;       /* the reading under way has it */
    bool due;         /* its time is over by what is known, and a reading is to decide */
    struct timer expiry;
    UT_hash_handle hh;
};

struct key_watch {
    struct loop *loop;
    struct key_watch_ops ops;
    void *owner;
    struct watched_key *keys;
    bool reading;
    struct later read;
    struct timer again;
};

/* --- the end of uses --- */

static void key_free_if_unused(struct watched_key *key)
{
    if (!LIST_EMPTY(&key->uses))
        return;
    HASH_DEL(key->watch->keys, key);
    timer_stop(&key->expiry);
    free(key);
}

static void end_use(struct key_use *use, int code, const char *text)
{
    LIST_REMOVE(use, link);
    use->key = NULL;
    use->cb(use->arg, code, text);
}

static void end_all_with(struct watched_key *key, int code, const char *text)
{
    struct key_use *use;
    while ((use = LIST_FIRST(&key->uses)))
        end_use(use, code, text);
    key_free_if_unused(key);
}

static void end_all(struct watched_key *key, const char *text)
{
    end_all_with(key, ERR_UNAUTHENTICATED, text);
}

static bool suffices(const struct key_status *status, const struct key_use *use)
{
    if (use->needs_admin && !(status->admin && (status->scopes & SCOPE_ADMIN)))
        return false;
    return !use->needs || (status->scopes & use->needs);
}

static void end_forbidden(struct watched_key *key, const struct key_status *status)
{
    struct key_use *use, *next;
    for (use = LIST_FIRST(&key->uses); use; use = next) {
        next = LIST_NEXT(use, link);
        if (!suffices(status, use))
            end_use(use, ERR_FORBIDDEN, "the API key lost the scope that this needs");
    }
}

/* --- readings --- */

static void read_stale(void *arg)
{
    struct key_watch *watch = arg;
    const char *ids[KEY_WATCH_BATCH];
    size_t count = 0;
    struct watched_key *key, *next;
    if (watch->reading)
        return;
    HASH_ITER(hh, watch->keys, key, next)
    {
        if (!key->stale || count == KEY_WATCH_BATCH)
            continue;
        key->stale = false;
        key->asked = true;
        ids[count++] = key->id;
    }
    if (!count)
        return;
    watch->reading = true;
    watch->ops.read(watch->owner, ids, count);
}

static void read_soon(struct key_watch *watch)
{
    later_call(&watch->read, watch->loop, read_stale, watch);
}

static void read_all(void *arg)
{
    struct key_watch *watch = arg;
    struct watched_key *key, *next;
    HASH_ITER(hh, watch->keys, key, next)
    key->stale = true;
    read_soon(watch);
    timer_start(&watch->again, watch->loop, KEY_WATCH_AGAIN_MS, read_all, watch);
}

static void on_expiry(void *arg)
{
    struct watched_key *key = arg;
    if (key->stale || key->asked)
        key->due = true; /* its end may have been put off */
    else
        end_all(key, "the API key has expired");
}

static void set_expiry(struct watched_key *key, bool expires, uint64_t remaining_ms)
{
    if (expires)
        timer_start(&key->expiry, key->watch->loop, remaining_ms, on_expiry, key);
    else
        timer_stop(&key->expiry);
}

static void take_status(struct watched_key *key, const struct key_status *status)
{
    bool was_due = key->due;
    key->due = false;
    if (!status) {
        end_all(key, was_due ? "the API key has expired" : "the API key was revoked");
        return;
    }
    key->read_ms = loop_now_ms();
    set_expiry(key, status->expires, status->remaining_ms);
    end_forbidden(key, status);
    key_free_if_unused(key);
}

static void take_failure(struct watched_key *key)
{
    if (key->due)
        end_all(key, "the API key has expired");
    else if (loop_now_ms() - key->read_ms >= CALLER_KNOWN_MS)
        end_all_with(key, ERR_DATABASE_UNAVAILABLE,
                     "the database does not answer: whether the API key is still valid is not known");
    else
        key->stale = true;
}

static const struct key_status *find_status(const struct key_status *status, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(status[i].id, id))
            return &status[i];
    }
    return NULL;
}

void key_watch_told(struct key_watch *watch, int code, const struct key_status *status, size_t count)
{
    struct watched_key *key, *next;
    watch->reading = false;
    HASH_ITER(hh, watch->keys, key, next)
    {
        if (!key->asked)
            continue;
        key->asked = false;
        if (!code)
            take_status(key, find_status(status, count, key->id));
        else
            take_failure(key);
    }
    if (code)
        timer_start(&watch->again, watch->loop, KEY_WATCH_RETRY_MS, read_all, watch);
    else
        read_soon(watch);
}

/* It may have been revoked, and the database be gone before that could be read. */
static void know_briefly(struct watched_key *key)
{
    uint64_t least = loop_now_ms() - CALLER_KNOWN_MS + KEY_WATCH_TOLD_MS;
    if (key->read_ms > least)
        key->read_ms = least;
}

void key_watch_changed(struct key_watch *watch, const char *prefix)
{
    struct watched_key *key, *next;
    bool all = !strcmp(prefix, "*"), any = false;
    HASH_ITER(hh, watch->keys, key, next)
    {
        if (!all && strcmp(key->prefix, prefix) != 0)
            continue;
        key->stale = any = true;
        if (!all)
            know_briefly(key);
    }
    if (any)
        read_soon(watch);
}

/* --- uses --- */

static struct watched_key *key_get(struct key_watch *watch, const struct caller *caller)
{
    struct watched_key *key;
    uint64_t now = loop_now_ms(), read_ms = caller->read_ms ? caller->read_ms : now;
    HASH_FIND_STR(watch->keys, caller->key_id, key);
    if (key) {
        if (key->read_ms < read_ms)
            key->read_ms = read_ms;
        return key;
    }
    key = mem_zalloc(sizeof *key);
    key->watch = watch;
    key->read_ms = read_ms;
    strcpy(key->id, caller->key_id);
    strcpy(key->prefix, caller->key_prefix);
    LIST_INIT(&key->uses);
    HASH_ADD_STR(watch->keys, id, key);
    set_expiry(key, caller->expires, caller->expires_ms > now ? caller->expires_ms - now : 0);
    return key;
}

void key_use_begin(struct key_watch *watch, struct key_use *use, const struct caller *caller,
                   key_ended_cb *cb, void *arg)
{
    struct watched_key *key = key_get(watch, caller);
    *use = (struct key_use){
        .key = key, .needs = caller->needs, .needs_admin = caller->needs_admin, .cb = cb, .arg = arg};
    LIST_INSERT_HEAD(&key->uses, use, link);
    if (watch->ops.is_current(watch->owner, caller))
        return;
    key->stale = true;
    read_soon(watch);
}

void key_use_end(struct key_use *use)
{
    struct watched_key *key = use->key;
    if (!key)
        return;
    LIST_REMOVE(use, link);
    use->key = NULL;
    key_free_if_unused(key);
}

/* --- life --- */

struct key_watch *key_watch_new(struct loop *loop, const struct key_watch_ops *ops, void *owner)
{
    struct key_watch *watch = mem_zalloc(sizeof *watch);
    watch->loop = loop;
    watch->ops = *ops;
    watch->owner = owner;
    timer_start(&watch->again, loop, KEY_WATCH_AGAIN_MS, read_all, watch);
    return watch;
}

void key_watch_free(struct key_watch *watch)
{
    if (!watch)
        return;
    if (watch->keys)
        abort();
    later_cancel(&watch->read);
    timer_stop(&watch->again);
    free(watch);
}
