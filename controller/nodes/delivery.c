#include "controller/nodes/delivery.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct delivery_desired {
    struct desired_state desired; /* spec owned */
    uint64_t queued_ms;
    bool sent;
    unsigned repeats; /* that were sent because the node may have got it late */
};

struct delivery_status_ack {
    struct status_ack ack;
    bool sent;
};

static void free_spec(struct delivery_desired *item)
{
    free((void *)(uintptr_t)item->desired.spec);
}

void delivery_fini(struct delivery *d)
{
    for (size_t i = 0; i < d->desired_count; i++)
        free_spec(&d->desired[i]);
    free(d->desired);
    free(d->ack);
    free(d->certificate);
    free(d->dense.order);
    image_orders_fini(&d->images.whole);
    memset(d, 0, sizeof *d);
}

/* --- what is to be told --- */

bool delivery_desired(struct delivery *d, uint64_t now, const struct desired_state *desired)
{
    size_t i = 0;
    while (i < d->desired_count && memcmp(&d->desired[i].desired.id, &desired->id, sizeof desired->id))
        i++;
    if (i == DELIVERY_DESIRED_MAX)
        return false;
    if (i == d->desired_count) {
        d->desired = mem_grow(d->desired, d->desired_count + 1, sizeof *d->desired);
        memset(&d->desired[d->desired_count++], 0, sizeof *d->desired);
    }
    free_spec(&d->desired[i]);
    d->desired[i] = (struct delivery_desired){.desired = *desired, .queued_ms = now};
    d->desired[i].desired.spec = desired->spec ? mem_dup(desired->spec, desired->spec_len) : NULL;
    return true;
}

void delivery_ack(struct delivery *d, const struct status_ack *ack)
{
    if (d->ack_count >= DELIVERY_ACKS_MAX)
        return;
    d->ack = mem_grow(d->ack, d->ack_count + 1, sizeof *d->ack);
    d->ack[d->ack_count++] = (struct delivery_status_ack){.ack = *ack};
}

static void raise_to(struct delivery_up_to *numbers, uint64_t up_to)
{
    if (up_to > numbers->acked)
        numbers->acked = up_to;
}

void delivery_ack_violations(struct delivery *d, uint64_t up_to)
{
    raise_to(&d->violations, up_to);
}

void delivery_ack_samples(struct delivery *d, uint64_t up_to)
{
    raise_to(&d->samples, up_to);
}

void delivery_ack_cleanups(struct delivery *d, uint64_t up_to)
{
    raise_to(&d->cleanups, up_to);
}

void delivery_cleanup(struct delivery *d, const struct cleanup_order *order)
{
    d->cleanup = *order;
}

static void drop_images(struct delivery *d)
{
    image_orders_fini(&d->images.whole);
    d->images = (struct delivery_images){.taken = 0};
}

void delivery_images(struct delivery *d, const struct image_orders *whole)
{
    drop_images(d);
    image_orders_copy(&d->images.whole, whole);
}

void delivery_dense(struct delivery *d, uint64_t now, const struct sandbox_id *id, size_t count)
{
    struct delivery_dense *dense = &d->dense;
    if (!dense->order && !count)
        return;
    if (!dense->order)
        dense->order = mem_zalloc(sizeof *dense->order);
    struct dense_order *order = dense->order;
    bool same = order->count == count && (!count || !memcmp(order->id, id, count * sizeof *id));
    if (same && (!count || now - dense->given_ms < DELIVERY_RENEW_MS))
        return;
    order->number++;
    order->for_ms = count ? DELIVERY_DENSE_MS : 0;
    order->count = count;
    if (count)
        memcpy(order->id, id, count * sizeof *id);
    dense->given_ms = now;
}

void delivery_certificate(struct delivery *d, uint8_t *der, size_t len)
{
    d->certificate = der;
    d->certificate_len = len;
}

/* --- what was taken --- */

/* Whether it is sent once more, though the node took it: the node counts its lifetime from too late. */
static bool is_late(const struct delivery_desired *item, uint64_t waited_ms)
{
    return waited_ms > DELIVERY_LATE_MS && item->desired.state != DESIRED_GONE &&
           item->repeats < DELIVERY_REPEATS;
}

static void settle_desired(struct delivery *d, bool taken, uint64_t waited_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->desired_count; i++) {
        bool told = taken && d->desired[i].sent;
        if (told && !is_late(&d->desired[i], waited_ms)) {
            free_spec(&d->desired[i]);
            continue;
        }
        d->desired[i].repeats += told;
        d->desired[kept] = d->desired[i];
        d->desired[kept++].sent = false;
    }
    d->desired_count = kept;
}

static void settle_acks(struct delivery *d, bool taken)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->ack_count; i++) {
        if (taken && d->ack[i].sent)
            continue;
        d->ack[kept] = d->ack[i];
        d->ack[kept++].sent = false;
    }
    d->ack_count = kept;
}

static void settle_images(struct delivery *d, bool taken)
{
    if (taken && d->images.sent)
        d->images.taken = d->images.told;
    if (taken && d->images.sent && d->images.taken == d->images.whole.count)
        drop_images(d);
    d->images.sent = false;
}

void delivery_polled(struct delivery *d, uint64_t now, uint64_t taken)
{
    bool all = taken == d->number;
    if (all && d->certificate_number)
        mem_free_ptr(&d->certificate);
    d->certificate_number = 0;
    settle_desired(d, all, now - d->told_ms);
    settle_acks(d, all);
    settle_images(d, all);
    if (!all)
        d->dense.told = d->violations.told = d->samples.told = d->cleanups.told = d->cleanup_told = 0;
}

/* --- what is told --- */

static bool owes_up_to(const struct delivery_up_to *numbers)
{
    return numbers->acked > numbers->told;
}

static bool owes_dense(const struct delivery_dense *dense)
{
    return dense->order && dense->order->number != dense->told;
}

bool delivery_owes(const struct delivery *d)
{
    return d->desired_count || owes_dense(&d->dense) || d->ack_count || owes_up_to(&d->violations) ||
           owes_up_to(&d->samples) || owes_up_to(&d->cleanups) || d->cleanup.number != d->cleanup_told ||
           (d->images.whole.number && !d->images.sent) || (d->certificate && !d->certificate_number);
}

static size_t take_desired(struct delivery *d, uint64_t now, struct desired_state *out)
{
    size_t n = 0, bytes = 0;
    for (size_t i = 0; i < d->desired_count && n < NODE_UPDATE_MAX; i++) {
        struct delivery_desired *item = &d->desired[i];
        if (bytes + item->desired.spec_len > NODE_UPDATE_BYTES_MAX)
            break;
        bytes += item->desired.spec_len;
        uint64_t waited = now - item->queued_ms;
        out[n] = item->desired;
        out[n].remaining_ms -= waited < out[n].remaining_ms ? waited : out[n].remaining_ms;
        item->sent = true;
        n++;
    }
    return n;
}

static size_t take_acks(struct delivery *d, struct status_ack *out)
{
    size_t n = 0;
    for (; n < d->ack_count && n < NODE_UPDATE_MAX; n++) {
        out[n] = d->ack[n].ack;
        d->ack[n].sent = true;
    }
    return n;
}

static uint64_t take_up_to(struct delivery_up_to *numbers)
{
    return numbers->told = numbers->acked;
}

/* The next piece; the update borrows it. Logins come with the first one. */
static void take_images(struct delivery *d, struct image_orders *out)
{
    const struct image_orders *whole = &d->images.whole;
    size_t at = d->images.taken, rest = whole->count - at;
    if (!whole->number)
        return;
    *out = (struct image_orders){.number = whole->number, .first = !at};
    out->count = rest < NODE_IMAGE_PIECE_MAX ? rest : NODE_IMAGE_PIECE_MAX;
    out->order = whole->order + at;
    out->last = out->count == rest;
    out->login = at ? NULL : whole->login;
    out->logins = at ? 0 : whole->logins;
    d->images.told = at + out->count;
    d->images.sent = true;
}

static size_t at_most(size_t count)
{
    return count < NODE_UPDATE_MAX ? count : NODE_UPDATE_MAX;
}

void delivery_tell(struct delivery *d, uint64_t now, struct node_update *update)
{
    *update = (struct node_update){.number = ++d->number, .cleanup = d->cleanup};
    d->told_ms = now;
    update->desired_states = mem_zalloc((at_most(d->desired_count) + 1) * sizeof *update->desired_states);
    update->acks = mem_zalloc((at_most(d->ack_count) + 1) * sizeof *update->acks);
    update->desired_count = take_desired(d, now, update->desired_states);
    update->ack_count = take_acks(d, update->acks);
    update->violations_acked = take_up_to(&d->violations);
    update->samples_acked = take_up_to(&d->samples);
    update->cleanups_acked = take_up_to(&d->cleanups);
    update->certificate = d->certificate;
    update->certificate_len = d->certificate ? d->certificate_len : 0;
    d->certificate_number = d->certificate ? update->number : 0;
    d->cleanup_told = d->cleanup.number;
    take_images(d, &update->images);
    if (owes_dense(&d->dense)) {
        update->dense = *d->dense.order;
        d->dense.told = update->dense.number;
    }
}

void delivery_told(struct node_update *update)
{
    free(update->desired_states);
    free(update->acks);
}
