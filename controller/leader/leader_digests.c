#include "controller/leader/leader_digests.h"

#include "controller/db/db_image.h"
#include "controller/leader/leader_int.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "common/model/image_ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define PAGE     1000   /* names in one answer of the database */
#define AGAIN_MS 600000 /* all are read so often, since changes are told one by one */

struct image_digest {
    UT_hash_handle hh; /* by ref */
    uint64_t reading;  /* that found it, or that was under way when it was set */
    char digest[72];
    char ref[];
};

struct leader_digests {
    struct leader *leader;
    struct image_digest *all;
    uint64_t reading, read_ms; /* number of the latest reading; when the latest complete one ended, 0: none */
    bool under_way;
};

struct leader_digests *leader_digests_new(struct leader *leader)
{
    struct leader_digests *digests = mem_zalloc(sizeof *digests);
    digests->leader = leader;
    return digests;
}

static void drop(struct leader_digests *digests, struct image_digest *d)
{
    HASH_DEL(digests->all, d);
    free(d);
}

void leader_digests_forget(struct leader_digests *digests)
{
    struct image_digest *d, *next;
    HASH_ITER(hh, digests->all, d, next)
    drop(digests, d);
    digests->under_way = false;
    digests->read_ms = 0;
}

void leader_digests_free(struct leader_digests *digests)
{
    if (!digests)
        return;
    leader_digests_forget(digests);
    free(digests);
}

static struct image_digest *find(const struct leader_digests *digests, const char *ref)
{
    struct image_digest *d;
    HASH_FIND_STR(digests->all, ref, d);
    return d;
}

const char *leader_digests_find(const struct leader_digests *digests, const char *ref)
{
    const struct image_digest *d = find(digests, ref);
    return d ? d->digest : "";
}

static struct image_digest *add(struct leader_digests *digests, const char *ref)
{
    size_t len = strlen(ref);
    struct image_digest *d = mem_zalloc(sizeof *d + len + 1);
    memcpy(d->ref, ref, len + 1);
    HASH_ADD_KEYPTR(hh, digests->all, d->ref, len, d);
    return d;
}

/* One that stands for none now stays until the next reading ends, which may have read what it stood for. */
void leader_digests_set(struct leader_digests *digests, const char *ref, const char *digest)
{
    struct image_digest *d = find(digests, ref);
    if (!d && !(digest && digest[0]))
        return;
    d = d ? d : add(digests, ref);
    snprintf(d->digest, sizeof d->digest, "%s", digest ? digest : "");
    d->reading = digests->reading;
}

/* --- reading --- */

struct reading {
    struct leader_ref asked;
    char after[IMAGE_REF_FULL_MAX]; /* "": the first page */
};

static void on_page(void *arg, int code, const struct err *e, const struct db_image_digest *page,
                    size_t count);

static void read_page(struct leader_digests *digests, const char *after)
{
    struct reading *reading = mem_zalloc(sizeof *reading);
    reading->asked = leader_ref_of(digests->leader);
    snprintf(reading->after, sizeof reading->after, "%s", after);
    db_image_digests(digests->leader->pool, reading->after, PAGE, on_page, reading);
}

/* What was set since this reading began is newer than what it read. */
static void take_page(struct leader_digests *digests, const struct db_image_digest *page, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct image_digest *d = find(digests, page[i].ref);
        if (d && d->reading == digests->reading)
            continue;
        d = d ? d : add(digests, page[i].ref);
        snprintf(d->digest, sizeof d->digest, "%s", page[i].digest);
        d->reading = digests->reading;
    }
}

static void end(struct leader_digests *digests)
{
    struct image_digest *d, *next;
    HASH_ITER(hh, digests->all, d, next)
    {
        if (d->reading != digests->reading || !d->digest[0])
            drop(digests, d);
    }
    digests->under_way = false;
    digests->read_ms = loop_now_ms();
}

static void on_page(void *arg, int code, const struct err *e, const struct db_image_digest *page,
                    size_t count)
{
    struct reading *reading = arg;
    struct leader *leader = leader_of(&reading->asked);
    free(reading);
    if (!leader)
        return;
    struct leader_digests *digests = leader->digests;
    if (code) {
        digests->under_way = false;
        log_warn("leader", "what names of images stand for cannot be read, trying again: %s", e->text);
        return;
    }
    take_page(digests, page, count);
    if (count == PAGE)
        read_page(digests, page[count - 1].ref);
    else
        end(digests);
}

void leader_digests_tick(struct leader_digests *digests)
{
    uint64_t now = loop_now_ms();
    if (digests->under_way || (digests->read_ms && now - digests->read_ms < AGAIN_MS))
        return;
    digests->under_way = true;
    digests->reading++;
    read_page(digests, "");
}
