#include "agent/image/image_read_int.h"

#include "agent/init/init_file.h"
#include "agent/init/init_tar.h"

#include "common/base/mem.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYER_BYTES_MIN 1024 /* an empty archive */

/* The archive that Docker sends, and the member of it that is being read. */
struct reading {
    struct image_read *out;
    const struct image_source *source;
    uint64_t taken;
    bool too_long;
    struct init_tar outer, inner;
    uint8_t head[INIT_TAR_BLOCK]; /* the first bytes of the member */
    size_t head_len, head_at;
};

/* --- sources --- */

static int read_source(void *arg, void *bytes, size_t len, size_t *got)
{
    struct reading *r = arg;
    int error = r->source->read(r->source->arg, bytes, len, got);
    r->taken += error ? 0 : *got;
    r->too_long = r->taken > r->source->most;
    return r->too_long ? INIT_FAULT_MANY : error;
}

/* Of the inner archive: the bytes of the outer's member. */
static int read_member(void *arg, void *bytes, size_t len, size_t *got)
{
    struct reading *r = arg;
    if (r->head_at == r->head_len)
        return init_tar_data(&r->outer, bytes, len, got);
    *got = r->head_len - r->head_at < len ? r->head_len - r->head_at : len;
    memcpy(bytes, r->head + r->head_at, *got);
    r->head_at += *got;
    return 0;
}

static int read_head(struct reading *r)
{
    size_t got = 1;
    r->head_len = r->head_at = 0;
    while (got && r->head_len < sizeof r->head) {
        int error = init_tar_data(&r->outer, r->head + r->head_len, sizeof r->head - r->head_len, &got);
        if (error)
            return error;
        r->head_len += got;
    }
    return 0;
}

/* --- blobs --- */

/* The older form has a link ("../ID/layer.tar") for a layer that is there twice. */
static void take_link(struct image_read *out, const struct init_tar_member *m)
{
    const char *target = m->target;
    while (!strncmp(target, "../", 3))
        target += 3;
    struct image_blob *blob = strlen(target) <= BLOB_NAME_MAX ? image_blob_add(out, m->path) : NULL;
    if (blob)
        memcpy(blob->target, target, strlen(target) + 1);
}

static int take_json(struct reading *r, const struct init_tar_member *m)
{
    struct image_blob *blob;
    size_t got = 1;
    if (m->size > IMAGE_JSON_MAX || m->size > IMAGE_JSON_ALL_MAX - r->out->json_bytes ||
        !(blob = image_blob_add(r->out, m->path)))
        return 0;
    r->out->json_bytes += m->size;
    blob->json = mem_zalloc(m->size + 1);
    while (got && blob->json_len < m->size) {
        int error = read_member(r, blob->json + blob->json_len, m->size - blob->json_len, &got);
        if (error)
            return error;
        blob->json_len += got;
    }
    return 0;
}

static bool is_compressed(const struct reading *r)
{
    static const uint8_t gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    return r->head_len >= sizeof zstd &&
           (!memcmp(r->head, gzip, sizeof gzip) || !memcmp(r->head, zstd, sizeof zstd));
}

static int take_layer(struct reading *r, const struct init_tar_member *m, struct err *e)
{
    uint64_t base = r->outer.position - r->head_len;
    struct image_blob *blob = image_blob_add(r->out, m->path);
    if (!blob)
        return err_set(e, ERR_TOO_LARGE, "it has more than %d parts", IMAGE_BLOBS_MAX);
    int rc = layer_tree_begin(r->out->tree, e);
    if (rc)
        return rc;
    blob->slot = r->out->tree->slots - 1;
    memset(&r->inner, 0, offsetof(struct init_tar, path));
    r->inner.read = read_member;
    r->inner.arg = r;
    return image_layer_take(r->out, &r->inner, base, e);
}

static int take_file(struct reading *r, const struct init_tar_member *m, struct err *e)
{
    int error = read_head(r);
    if (error)
        return error;
    bool is_tar =
        r->head_len == sizeof r->head && init_tar_is_header(r->head); /* its first name may be anything */
    if (!is_tar && r->head_len && (r->head[0] == '{' || r->head[0] == '['))
        return take_json(r, m);
    if (!is_tar && is_compressed(r))
        return err_set(e, ERR_NOT_IMPLEMENTED,
                       "its node's Docker keeps layers compressed (containerd's image store), which is not "
                       "read");
    return m->size < LAYER_BYTES_MIN ? 0 : take_layer(r, m, e);
}

/* --- the whole --- */

/* What an errno, or a fault of an archive, means for the outer one. */
static int translate(const struct reading *r, int error, struct err *e)
{
    if (error < 0)
        return error; /* its sentence is set already */
    if (r->too_long)
        return err_set(e, ERR_TOO_LARGE, "its archive has more than %llu bytes",
                       (unsigned long long)r->source->most);
    if (error < INIT_FAULT_NO_ARCHIVE)
        return err_set(e, ERR_IO, "its archive cannot be read: %s", strerror(error));
    return err_set(e, ERR_PROTOCOL, "what Docker sends is no archive of an image, or ends early");
}

static int read_all(struct reading *r, struct err *e)
{
    struct init_tar_member m;
    int error;
    while ((error = init_tar_next(&r->outer, &m)) != INIT_TAR_END) {
        if (!error && m.type == INIT_TAR_FILE)
            error = take_file(r, &m, e);
        else if (!error && (m.type == INIT_TAR_SYMLINK || m.type == INIT_TAR_HARD_LINK))
            take_link(r->out, &m);
        if (error)
            return translate(r, error, e);
    }
    return 0;
}

int image_read(struct image_read *out, const struct image_source *source, uint64_t seed, struct err *e)
{
    struct reading *r = mem_zalloc(sizeof *r);
    *out = (struct image_read){.tree = layer_tree_new(seed)};
    r->out = out;
    r->source = source;
    r->outer.read = read_source;
    r->outer.arg = r;
    int rc = read_all(r, e);
    free(r);
    return rc ? rc : image_manifest_take(out, e);
}

void image_read_fini(struct image_read *read)
{
    for (size_t i = 0; i < read->blob_count; i++)
        free(read->blobs[i].json);
    for (size_t i = 0; i < LAYER_SLOTS_MAX; i++) {
        free(read->digest[i]);
        free(read->command[i]);
    }
    free(read->blobs);
    json_decref(read->config);
    layer_config_fini(&read->image.config);
    layer_tree_free(read->tree);
}

static void hash_bytes(void *arg, const void *bytes, size_t len)
{
    (void)EVP_DigestUpdate(arg, bytes, len);
}

int image_read_report(struct image_read *read, const char *id, const char *name, struct image_report *report,
                      struct err *e)
{
    uint8_t hash[32];
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool ok = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;
    if (ok) {
        layer_tree_describe(read->tree, hash_bytes, digest);
        ok = EVP_DigestFinal_ex(digest, hash, NULL) == 1;
    }
    EVP_MD_CTX_free(digest);
    if (!ok)
        return err_set(e, ERR_INTERNAL, "SHA-256 fails");
    if (read->tree->odd)
        image_read_partial(read, "%llu of its files cannot be: %s", (unsigned long long)read->tree->odd,
                           read->tree->odd_first);
    read->image.name = name;
    layer_report_make(read->tree, &read->image, report);
    snprintf(report->id, sizeof report->id, "%s", id);
    memcpy(report->why_partial, read->why_partial, sizeof report->why_partial);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(report->tree + 2 * i, 3, "%02x", hash[i]);
    return 0;
}
