#include "agent/image/image_flat.h"

#include "agent/image/image_head.h"
#include "agent/init/init_tar.h"

#include "common/base/mem.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536

struct writing {
    const struct layer_tree *tree;
    int kept;
    const struct image_sink *sink;
    uint32_t *carrier; /* by inode: the node that was written with its bytes; LAYER_NONE: none yet */
};

/* --- members --- */

static int put(struct writing *w, const void *bytes, size_t len)
{
    return w->sink->write(w->sink->arg, bytes, len);
}

static int read_kept(const struct writing *w, void *bytes, size_t len, uint64_t at)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = pread(w->kept, (char *)bytes + got, len - got, (off_t)(at + got));
        if (n <= 0)
            return n < 0 ? errno : EIO;
        got += (size_t)n;
    }
    return 0;
}

static int copy(struct writing *w, uint64_t at, uint64_t len)
{
    char bytes[PIECE];
    int error = 0;
    while (!error && len) {
        size_t some = len < sizeof bytes ? (size_t)len : sizeof bytes;
        error = read_kept(w, bytes, some, at);
        if (!error)
            error = put(w, bytes, some);
        at += some;
        len -= some;
    }
    return error;
}

/* Writes the headers of the entry, with another path or target. */
static int put_head(struct writing *w, const struct layer_entry *entry, const char *path, const char *target)
{
    struct text out = {0};
    if (entry->spare > IMAGE_HEAD_MAX)
        return EMSGSIZE;
    char *head = mem_zalloc(entry->spare + 1);
    int error = read_kept(w, head, entry->spare, entry->at);
    if (!error && !image_head_rewrite(head, entry->spare, path, target, &out))
        error = EBADMSG;
    if (!error)
        error = put(w, out.data, out.len);
    text_fini(&out);
    free(head);
    return error;
}

static void path_of(const struct writing *w, uint32_t node, char path[static LAYER_PATH_MAX + 2])
{
    layer_tree_path(w->tree, node, path);
    memmove(path, path + 1, strlen(path)); /* relative, as Docker writes it */
}

static int put_link(struct writing *w, const struct layer_entry *entry, uint32_t carrier)
{
    char target[LAYER_PATH_MAX + 2];
    path_of(w, carrier, target);
    return put_head(w, entry, NULL, target);
}

/* The first name of an inode brings its bytes, whichever had them in its layer. */
static int put_first(struct writing *w, uint32_t node, uint32_t index)
{
    const struct layer_entry *inode = &w->tree->entry[w->tree->entry[index].inode];
    char path[LAYER_PATH_MAX + 2];
    w->carrier[w->tree->entry[index].inode] = node;
    if (inode == &w->tree->entry[index])
        return copy(w, inode->at, inode->len);
    path_of(w, node, path);
    int error = put_head(w, inode, path, NULL);
    return error ? error : copy(w, inode->at + inode->spare, inode->len - inode->spare);
}

/* The further name of an entry that is written later, with its bytes. */
static bool waits(const struct writing *w, uint32_t index)
{
    uint32_t inode = w->tree->entry[index].inode;
    return inode != index && w->tree->node[w->tree->entry[inode].node].entry == inode;
}

static int put_members(struct writing *w)
{
    const struct layer_tree *tree = w->tree;
    int error = 0;
    for (uint32_t i = layer_tree_next(tree, LAYER_NONE); !error && i != LAYER_NONE;
         i = layer_tree_next(tree, i)) {
        uint32_t index = tree->node[i].entry;
        if (!waits(w, index) && w->carrier[tree->entry[index].inode] == LAYER_NONE)
            error = put_first(w, i, index);
    }
    for (uint32_t i = layer_tree_next(tree, LAYER_NONE); !error && i != LAYER_NONE;
         i = layer_tree_next(tree, i)) {
        const struct layer_entry *entry = &tree->entry[tree->node[i].entry];
        uint32_t carrier = w->carrier[entry->inode];
        if (carrier != i)
            error = put_link(w, entry, carrier);
    }
    return error;
}

static int put_layer(const struct image_read *read, int kept, const struct image_sink *sink)
{
    static const char end[2 * INIT_TAR_BLOCK];
    struct writing w = {.tree = read->tree, .kept = kept, .sink = sink};
    size_t size = ((size_t)read->tree->entries + 1) * sizeof *w.carrier;
    w.carrier = mem_zalloc(size);
    memset(w.carrier, 0xff, size);
    int error = put_members(&w);
    free(w.carrier);
    return error ? error : sink->write(sink->arg, end, sizeof end);
}

/* --- what comes of it --- */

struct measuring {
    EVP_MD_CTX *digest;
    uint64_t bytes;
};

static int measure(void *arg, const void *bytes, size_t len)
{
    struct measuring *m = arg;
    m->bytes += len;
    return EVP_DigestUpdate(m->digest, bytes, len) == 1 ? 0 : EIO;
}

static bool digest_end(EVP_MD_CTX *digest, char out[static IMAGE_ID_LEN + 1])
{
    uint8_t hash[32];
    if (EVP_DigestFinal_ex(digest, hash, NULL) != 1)
        return false;
    memcpy(out, "sha256:", 8);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(out + 7 + 2 * i, 3, "%02x", hash[i]);
    return true;
}

static void config_text(const struct image_read *read, const char *made_of, struct image_flat_form *form)
{
    json_t *config = json_copy(read->config); /* only its first level is changed */
    json_t *step = json_object(), *rootfs = json_object();
    const json_t *created = json_object_get(config, "created");
    json_object_set_new(step, "created", json_deep_copy(created));
    json_object_set_new(step, "created_by", json_sprintf("corral image optimize %s", made_of));
    json_object_set_new(rootfs, "type", json_string("layers"));
    json_object_set_new(rootfs, "diff_ids", json_pack("[s]", form->digest));
    json_object_set_new(config, "rootfs", rootfs);
    json_object_set_new(config, "history", json_pack("[o]", step));
    form->config = json_dumps(config, JSON_COMPACT);
    json_decref(config);
}

int image_flat_measure(const struct image_read *read, int kept, const char *made_of,
                       struct image_flat_form *form, struct err *e)
{
    struct measuring m = {.digest = EVP_MD_CTX_new()};
    const struct image_sink sink = {measure, &m};
    bool ok = m.digest && EVP_DigestInit_ex(m.digest, EVP_sha256(), NULL) == 1;
    int error = ok ? put_layer(read, kept, &sink) : EIO;
    *form = (struct image_flat_form){.bytes = m.bytes};
    ok = !error && digest_end(m.digest, form->digest);
    if (ok)
        config_text(read, made_of, form);
    ok = ok && form->config && EVP_DigestInit_ex(m.digest, EVP_sha256(), NULL) == 1 &&
         EVP_DigestUpdate(m.digest, form->config, strlen(form->config)) == 1 &&
         digest_end(m.digest, form->id);
    EVP_MD_CTX_free(m.digest);
    return ok ? 0
              : err_set(e, error == EBADMSG ? ERR_PROTOCOL : ERR_IO, "its layers cannot be put together: %s",
                        error ? strerror(error) : "SHA-256 fails");
}

static int put_padded(const struct image_sink *sink, const char *bytes, size_t len)
{
    static const char zeros[INIT_TAR_BLOCK];
    int error = sink->write(sink->arg, bytes, len);
    size_t padding = -len % INIT_TAR_BLOCK;
    return error || !padding ? error : sink->write(sink->arg, zeros, padding);
}

static int put_member_head(const struct image_sink *sink, const char *name, uint64_t size)
{
    const struct init_tar_member m = {
        .type = INIT_TAR_FILE, .path = name, .target = "", .mode = 0644, .size = size};
    char *head = mem_zalloc(INIT_TAR_HEAD_MAX);
    int error = sink->write(sink->arg, head, init_tar_format(&m, head));
    free(head);
    return error;
}

static int put_text(const struct image_sink *sink, const char *name, const char *text)
{
    int error = put_member_head(sink, name, strlen(text));
    return error ? error : put_padded(sink, text, strlen(text));
}

int image_flat_write(const struct image_read *read, int kept, const struct image_flat_form *form,
                     const struct image_sink *sink, struct err *e)
{
    static const char end[2 * INIT_TAR_BLOCK];
    const char *layer = form->digest + sizeof "sha256:" - 1, *id = form->id + sizeof "sha256:" - 1;
    char layer_name[128], config_name[128], manifest[512];
    snprintf(layer_name, sizeof layer_name, "%s/layer.tar", layer);
    snprintf(config_name, sizeof config_name, "%s.json", id);
    snprintf(manifest, sizeof manifest, "[{\"Config\":\"%s\",\"RepoTags\":null,\"Layers\":[\"%s\"]}]",
             config_name, layer_name);
    int error = put_text(sink, "manifest.json", manifest);
    if (!error)
        error = put_text(sink, config_name, form->config);
    if (!error)
        error = put_member_head(sink, layer_name, form->bytes);
    if (!error)
        error = put_layer(read, kept, sink); /* whole blocks */
    if (!error)
        error = sink->write(sink->arg, end, sizeof end);
    return error ? err_set(e, ERR_IO, "Docker does not take the variant: %s", strerror(error)) : 0;
}
