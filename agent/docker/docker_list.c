/*
 * The list of images, and the list of our containers. It includes what their images declare, so the list of a
 * full host may not fit into one answer: it is then requested in parts, by the last character of the
 * containers' names.
 */
#include "agent/docker/docker_int.h"
#include "agent/docker/docker_json.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE (-1)

static const char last_of_ids[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* common/base/id.h */
#define PARTS ((int)sizeof last_of_ids) /* one part per character, and one for other names */

struct listing {
    struct docker *docker;
    docker_list_cb *cb;
    void *arg;
    struct docker_listed *item;
    size_t count;
    int part;
};

static void ask_part(struct listing *l);

static void finish(struct listing *l, int code, const struct err *e)
{
    l->cb(l->arg, code, e, l->item, code ? 0 : l->count);
    free(l->item);
    free(l);
}

static int take(struct listing *l, const char *body, size_t len, struct err *e)
{
    struct docker_listed *item;
    size_t count;
    int rc = docker_json_list(body, len, &item, &count, e);
    if (rc)
        return rc;
    if (count) {
        l->item = mem_grow(l->item, l->count + count, sizeof *l->item);
        memcpy(l->item + l->count, item, count * sizeof *item);
    }
    l->count += count;
    free(item);
    return 0;
}

static void on_part(void *arg, int code, const struct err *error, long status, const char *body, size_t len)
{
    struct listing *l = arg;
    struct err e = error ? *error : (struct err){0};
    if (code == ERR_TOO_LARGE && l->part == WHOLE) {
        l->part = 0;
        ask_part(l);
        return;
    }
    if (!code && status != 200)
        code = err_set(&e, ERR_IO, "Docker answered %ld to a list", status);
    if (!code)
        code = take(l, body, len, &e);
    if (code || l->part == WHOLE || l->part == PARTS - 1) {
        finish(l, code, &e);
        return;
    }
    l->part++;
    ask_part(l);
}

static void ask_part(struct listing *l)
{
    char name[48] = "", filters[160], escaped[480], path[560];
    struct json_text json = {.text = text_in(filters, sizeof filters)};
    if (l->part == PARTS - 1)
        snprintf(name, sizeof name, "[^%s]$", last_of_ids);
    else if (l->part != WHOLE)
        snprintf(name, sizeof name, "%c$", last_of_ids[l->part]);
    json_text_object(&json, NULL);
    json_text_array(&json, "label");
    json_text_str(&json, NULL, "corral.sandbox");
    json_text_end(&json);
    if (name[0]) {
        json_text_array(&json, "name");
        json_text_str(&json, NULL, name);
        json_text_end(&json);
    }
    json_text_end(&json);
    docker_escape(filters, escaped, sizeof escaped);
    snprintf(path, sizeof path, "%s/containers/json?all=true&filters=%s", l->docker->prefix, escaped);
    struct docker_ask ask = {
        .method = "GET", .path = path, .timeout_ms = DOCKER_QUICK_MS, .cb = on_part, .arg = l};
    docker_http_ask(l->docker->http, &ask);
}

void docker_container_list(struct docker *docker, docker_list_cb *cb, void *arg)
{
    struct listing *l = mem_zalloc(sizeof *l);
    *l = (struct listing){.docker = docker, .cb = cb, .arg = arg, .part = WHOLE};
    ask_part(l);
}

/* --- images --- */

struct image_listing {
    docker_stored_cb *cb;
    void *arg;
};

static void on_images(void *arg, int code, const struct err *error, long status, const char *body, size_t len)
{
    struct image_listing *l = arg;
    struct err e = error ? *error : (struct err){0};
    struct docker_stored *items = NULL;
    size_t count = 0;
    if (!code && status != 200)
        code = err_set(&e, ERR_IO, "Docker answered %ld to a list", status);
    if (!code)
        code = docker_json_images(body, len, &items, &count, &e);
    l->cb(l->arg, code, &e, items, count);
    docker_stored_free(items, count);
    free(l);
}

void docker_image_list(struct docker *docker, docker_stored_cb *cb, void *arg)
{
    char path[128];
    struct image_listing *l = mem_zalloc(sizeof *l);
    *l = (struct image_listing){cb, arg};
    snprintf(path, sizeof path, "%s/images/json", docker->prefix);
    struct docker_ask ask = {
        .method = "GET", .path = path, .timeout_ms = DOCKER_QUICK_MS, .cb = on_images, .arg = l};
    docker_http_ask(docker->http, &ask);
}
