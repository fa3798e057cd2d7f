#include "controller/leader/leader_logins.h"

#include "controller/db/db_image.h"
#include "controller/leader/leader.h"
#include "controller/leader/leader_int.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "common/io/secrets.h"
#include "common/model/image_ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sealed_login {
    char registry[NODE_LOGIN_NAME_MAX + 1], username[NODE_LOGIN_NAME_MAX + 1];
    char *password; /* sealed, in hexadecimal */
    uint64_t version;
};

struct leader_logins {
    struct secrets *const *secrets;
    struct sealed_login item[NODE_LOGINS_MAX];
    size_t count;
    uint64_t versions;        /* given so far */
    uint64_t readings, taken; /* begun so far; the latest one that was taken */
};

struct leader_logins *leader_logins_new(struct secrets *const *secrets)
{
    struct leader_logins *logins = mem_zalloc(sizeof *logins);
    logins->secrets = secrets;
    return logins;
}

void leader_logins_forget(struct leader_logins *logins)
{
    for (size_t i = 0; i < logins->count; i++)
        free(logins->item[i].password);
    logins->count = 0;
}

void leader_logins_free(struct leader_logins *logins)
{
    if (!logins)
        return;
    leader_logins_forget(logins);
    free(logins);
}

static const struct sealed_login *find(const struct leader_logins *logins, const char *registry)
{
    for (size_t i = 0; i < logins->count; i++) {
        if (!strcmp(logins->item[i].registry, registry))
            return &logins->item[i];
    }
    return NULL;
}

/* --- reading --- */

struct reading {
    struct leader_ref asked;
    uint64_t number;
    leader_logins_cb *then;
    void *arg;
};

static bool is_same(const struct sealed_login *old, const struct db_registry_login *now)
{
    return old && !strcmp(old->username, now->username) && !strcmp(old->password, now->password);
}

static void take(struct leader_logins *logins, const struct db_registry_login *read, size_t count)
{
    struct sealed_login *items = mem_zalloc(sizeof logins->item);
    count = count < NODE_LOGINS_MAX ? count : NODE_LOGINS_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct sealed_login *old = find(logins, read[i].registry);
        snprintf(items[i].registry, sizeof items[i].registry, "%s", read[i].registry);
        snprintf(items[i].username, sizeof items[i].username, "%s", read[i].username);
        items[i].password = mem_strdup(read[i].password);
        items[i].version = is_same(old, &read[i]) ? old->version : ++logins->versions;
    }
    leader_logins_forget(logins);
    memcpy(logins->item, items, sizeof logins->item);
    logins->count = count;
    free(items);
}

/* An older reading may be answered after a newer one. */
static void on_read(void *arg, int code, const struct err *e, const struct db_registry_login *read,
                    size_t count)
{
    struct reading reading = *(struct reading *)arg;
    struct leader *leader = leader_of(&reading.asked);
    free(arg);
    if (leader && code && code != ERR_CANCELLED) {
        log_warn("leader", "the credentials of registries cannot be read: %s", e->text);
    } else if (leader && !code && reading.number > leader->logins->taken) {
        leader->logins->taken = reading.number;
        take(leader->logins, read, count);
    }
    reading.then(reading.arg);
}

void leader_logins_read(struct leader *leader, leader_logins_cb *then, void *arg)
{
    struct reading *reading = mem_zalloc(sizeof *reading);
    *reading = (struct reading){leader_ref_of(leader), ++leader->logins->readings, then, arg};
    db_registry_logins(leader->pool, on_read, reading);
}

/* --- opening --- */

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The caller frees it; NULL: text is no hexadecimal. */
static uint8_t *bytes_of(const char *text, size_t *len)
{
    *len = strlen(text) / 2;
    uint8_t *bytes = mem_zalloc(*len + 1);
    for (size_t i = 0; i < *len; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            free(bytes);
            return NULL;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return bytes;
}

/* Without the password the registry refuses, and the node says so. */
static bool unseal(const struct leader_logins *logins, const struct sealed_login *from,
                   struct registry_login *login)
{
    char subject[IMAGE_REF_MAX + 16];
    uint8_t *plain = NULL;
    size_t len = 0, plain_len = 0;
    uint8_t *sealed = bytes_of(from->password, &len);
    struct err e = {.text = "it is damaged"};
    snprintf(subject, sizeof subject, "registry:%s", from->registry);
    bool ok = sealed && !secrets_open(logins->secrets ? *logins->secrets : NULL, subject, sealed, len, &plain,
                                      &plain_len, &e);
    free(sealed);
    if (!ok || plain_len > NODE_LOGIN_SECRET_MAX)
        log_warn("leader", "registry=%s its password cannot be opened: %s", from->registry, e.text);
    ok = ok && plain_len <= NODE_LOGIN_SECRET_MAX;
    if (ok) {
        memcpy(login->registry, from->registry, sizeof login->registry);
        memcpy(login->username, from->username, sizeof login->username);
        memcpy(login->password, plain, plain_len);
        login->password[plain_len] = 0;
    }
    secrets_wipe(plain, plain_len);
    return ok;
}

static const struct sealed_login *login_of(const struct leader_logins *logins, const char *ref)
{
    struct image_ref image;
    return logins->count && image_ref_parse(ref, &image) ? find(logins, image.registry) : NULL;
}

uint64_t leader_logins_version(const struct leader_logins *logins, const char *ref)
{
    const struct sealed_login *login = login_of(logins, ref);
    return login ? login->version : 0;
}

void leader_logins_add(const struct leader_logins *logins, const char *ref, struct registry_login *out,
                       size_t *count)
{
    const struct sealed_login *login = login_of(logins, ref);
    if (!login || *count == NODE_LOGINS_MAX)
        return;
    for (size_t i = 0; i < *count; i++) {
        if (!strcmp(out[i].registry, login->registry))
            return;
    }
    *count += unseal(logins, login, &out[*count]);
}

bool leader_on_login(void *owner, const char *ref, struct registry_login *out)
{
    const struct leader *leader = owner;
    const struct sealed_login *login = login_of(leader->logins, ref);
    return login && unseal(leader->logins, login, out);
}
