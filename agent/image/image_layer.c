/* The entries of one layer. */
#include "agent/image/image_read_int.h"

#include "agent/init/init_file.h"
#include "agent/init/init_tar.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WHITEOUT ".wh."
#define OPAQUE   ".wh..wh..opq"
#define AUFS     ".wh..wh." /* of aufs itself */

struct layer_reading {
    struct init_tar *tar;
    init_tar_read_fn *read; /* of the layer's archive, and its argument */
    void *arg;
    EVP_MD_CTX *file, *attributes;
    const EVP_MD *sha256;
    bool has_attributes, capable, has_uid, has_gid;
    uint32_t uid, gid;
};

static int pass_read(void *arg, void *bytes, size_t len, size_t *got)
{
    struct layer_reading *r = arg;
    return r->read(r->arg, bytes, len, got);
}

static bool begins(const char *key, size_t len, const char *with)
{
    return len >= strlen(with) && !memcmp(key, with, strlen(with));
}

static bool is(const char *key, size_t len, const char *name)
{
    return len == strlen(name) && !memcmp(key, name, len);
}

static bool take_id(const char *value, size_t len, uint32_t *out)
{
    char text[16] = "", *end;
    memcpy(text, value, len < sizeof text - 1 ? len : sizeof text - 1);
    unsigned long n = strtoul(text, &end, 10);
    *out = (uint32_t)n;
    return len && len < sizeof text - 1 && !*end && n <= UINT32_MAX;
}

static void on_record(void *arg, const char *key, size_t key_len, const char *value, size_t len)
{
    struct layer_reading *r = arg;
    if (is(key, key_len, "uid"))
        r->has_uid = take_id(value, len, &r->uid);
    else if (is(key, key_len, "gid"))
        r->has_gid = take_id(value, len, &r->gid);
    if (!begins(key, key_len, "SCHILY.xattr.") && !begins(key, key_len, "SCHILY.acl.") &&
        !begins(key, key_len, "LIBARCHIVE.xattr."))
        return;
    if (!r->has_attributes)
        (void)EVP_DigestInit_ex(r->attributes, r->sha256, NULL);
    r->has_attributes = true;
    r->capable |= is(key, key_len, "SCHILY.xattr.security.capability");
    (void)EVP_DigestUpdate(r->attributes, &key_len, sizeof key_len);
    (void)EVP_DigestUpdate(r->attributes, key, key_len);
    (void)EVP_DigestUpdate(r->attributes, &len, sizeof len);
    (void)EVP_DigestUpdate(r->attributes, value, len);
}

static int hash_file(struct layer_reading *r, uint8_t out[32])
{
    uint8_t bytes[65536];
    size_t got = 1;
    (void)EVP_DigestInit_ex(r->file, r->sha256, NULL);
    while (got) {
        int error = init_tar_data(r->tar, bytes, sizeof bytes, &got);
        if (error)
            return error;
        (void)EVP_DigestUpdate(r->file, bytes, got);
    }
    (void)EVP_DigestFinal_ex(r->file, out, NULL);
    return 0;
}

static uint32_t special_type(char flag)
{
    return flag == '3' ? S_IFCHR : flag == '4' ? S_IFBLK : S_IFIFO;
}

static void take_kind(const struct init_tar_member *m, struct layer_item *item)
{
    static const struct {
        enum layer_kind kind;
        uint32_t type;
    } kinds[] = {
        [INIT_TAR_FILE] = {LAYER_FILE, S_IFREG},       [INIT_TAR_FOLDER] = {LAYER_FOLDER, S_IFDIR},
        [INIT_TAR_SYMLINK] = {LAYER_SYMLINK, S_IFLNK}, [INIT_TAR_HARD_LINK] = {LAYER_LINK, 0},
        [INIT_TAR_DEVICE] = {LAYER_SPECIAL, 0},
    };
    item->kind = kinds[m->type].kind;
    item->mode = m->mode | (m->type == INIT_TAR_DEVICE ? special_type(m->flag) : kinds[m->type].type);
    if (m->type == INIT_TAR_DEVICE && m->flag != '6') {
        item->major = m->major;
        item->minor = m->minor;
    }
}

/*
 * A name that begins with ".wh." says what the layer deletes. Writes the path that it is about. False: it
 * says nothing.
 */
static bool take_whiteout(const char *path, char out[LAYER_PATH_MAX + 1], struct layer_item *item)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int folder = (int)(name - path);
    if (strncmp(name, WHITEOUT, sizeof WHITEOUT - 1) != 0)
        return true;
    bool opaque = !strcmp(name, OPAQUE);
    if (strlen(path) > LAYER_PATH_MAX || (!opaque && !strncmp(name, AUFS, sizeof AUFS - 1)))
        return false;
    item->kind = opaque ? LAYER_OPAQUE : LAYER_WHITEOUT;
    snprintf(out, LAYER_PATH_MAX + 1, "%.*s%s", folder, path, opaque ? "" : name + sizeof WHITEOUT - 1);
    item->path = out;
    return opaque || name[sizeof WHITEOUT - 1];
}

/* Adds the member to the tree. Above 0: the archive cannot be read further. */
static int take_member(struct image_read *read, struct layer_reading *r, const struct init_tar_member *m,
                       uint64_t base, struct err *e)
{
    char about[LAYER_PATH_MAX + 1];
    struct layer_item item = {.path = m->path,
                              .target = m->target,
                              .uid = r->has_uid ? r->uid : m->uid,
                              .gid = r->has_gid ? r->gid : m->gid,
                              .mtime = m->modified_s,
                              .mtime_ns = m->modified_ns,
                              .size = m->size,
                              .capable = r->capable,
                              .at = base + m->at,
                              .spare = r->tar->position - m->at};
    item.len = item.spare + ((m->size + INIT_TAR_BLOCK - 1) & ~(uint64_t)(INIT_TAR_BLOCK - 1));
    take_kind(m, &item);
    if (r->has_attributes)
        (void)EVP_DigestFinal_ex(r->attributes, item.attributes, NULL);
    int error = m->type == INIT_TAR_FILE ? hash_file(r, item.content) : 0;
    if (error || !take_whiteout(m->path, about, &item))
        return error;
    return layer_tree_add(read->tree, &item, e);
}

/* A member that cannot be, but after which the archive goes on. */
static bool goes_on(int error)
{
    return error == INIT_FAULT_OUTSIDE || error == INIT_FAULT_NAME;
}

static int take_all(struct image_read *read, struct layer_reading *r, uint64_t base, struct err *e)
{
    struct init_tar_member m;
    unsigned layer = read->tree->slots;
    for (;;) {
        r->has_attributes = r->capable = r->has_uid = r->has_gid = false;
        int error = init_tar_next(r->tar, &m);
        if (error == INIT_TAR_END)
            return 0;
        if (goes_on(error)) {
            image_read_partial(read, "a file of it has a name that leads outside, or none");
            continue;
        }
        if (!error)
            error = take_member(read, r, &m, base, e);
        if (error == ERR_TOO_LARGE) {
            image_read_partial(read, "%s", e->text);
            return 0;
        }
        if (error == INIT_FAULT_KIND)
            image_read_partial(read, "its layer number %u, as Docker sends them, has a sparse file", layer);
        else if (error >= INIT_FAULT_NO_ARCHIVE)
            image_read_partial(read, "its layer number %u, as Docker sends them, is damaged", layer);
        if (error)
            return error >= INIT_FAULT_NO_ARCHIVE ? 0 : error;
    }
}

int image_layer_take(struct image_read *read, struct init_tar *tar, uint64_t base, struct err *e)
{
    struct layer_reading r = {.tar = tar,
                              .read = tar->read,
                              .arg = tar->arg,
                              .file = EVP_MD_CTX_new(),
                              .attributes = EVP_MD_CTX_new(),
                              .sha256 = EVP_sha256()};
    struct err spare;
    tar->read = pass_read;
    tar->arg = &r;
    tar->on_record = on_record;
    int rc = take_all(read, &r, base, e ? e : &spare);
    EVP_MD_CTX_free(r.file);
    EVP_MD_CTX_free(r.attributes);
    return rc;
}
