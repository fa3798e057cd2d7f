#include "tests/lib/image_archive.h"

#include <stdio.h>
#include <string.h>

#define BLOCK 512

static void put_padded(struct text *tar, const char *bytes, size_t len)
{
    static const char zeros[BLOCK];
    text_add_bytes(tar, bytes, len);
    text_add_bytes(tar, zeros, -len % BLOCK);
}

static void put_header(struct text *tar, const struct archive_member *m, char type, const char *name,
                       size_t size)
{
    char h[BLOCK] = "";
    unsigned sum = 0;
    memcpy(h, name, strnlen(name, 100));
    snprintf(h + 100, 8, "%07o", m->mode);
    snprintf(h + 108, 8, "%07o", m->uid);
    snprintf(h + 116, 8, "%07o", m->uid);
    snprintf(h + 124, 12, "%011zo", size);
    snprintf(h + 136, 12, "%011lo", m->mtime);
    memset(h + 148, ' ', 8);
    h[156] = type;
    if (m->target)
        memcpy(h + 157, m->target, strnlen(m->target, 100));
    memcpy(h + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof h; i++)
        sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    text_add_bytes(tar, h, sizeof h);
}

static void put_records(struct text *tar, const struct archive_member *m)
{
    struct text records = {0};
    for (size_t i = 0; i < 3 && m->records[i]; i++) {
        size_t rest = strlen(m->records[i]) + 2, len = rest + 1;
        while (len != rest + (size_t)snprintf(NULL, 0, "%zu", len))
            len++;
        text_fmt(&records, "%zu ", len);
        text_add(&records, m->records[i]);
        text_add(&records, "\n");
    }
    if (records.len) {
        put_header(tar, &(struct archive_member){.mode = 0644}, 'x', "pax", records.len);
        put_padded(tar, records.data, records.len);
    }
    text_fini(&records);
}

void archive_add(struct text *tar, const struct archive_member *m)
{
    size_t len = m->data_len || !m->data ? m->data_len : strlen(m->data);
    put_records(tar, m);
    put_header(tar, m, m->type ? m->type : '0', m->path, len);
    if (len)
        put_padded(tar, m->data, len);
}

void archive_end(struct text *tar)
{
    static const char zeros[2 * BLOCK];
    text_add_bytes(tar, zeros, sizeof zeros);
}

void archive_image(struct text *out, const struct text *layers, size_t count)
{
    struct text manifest = {0}, config = {0};
    text_add(&manifest, "[{\"Config\":\"c.json\",\"RepoTags\":[\"x:1\"],\"Layers\":[");
    text_add(&config, "{\"config\":{\"Env\":[\"A=b\"],\"User\":\"7\",\"Cmd\":[\"sh\"]},\"history\":[");
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%zu/layer.tar", count - i);
        text_fmt(&manifest, "%s\"%s\"", i ? "," : "", name);
        text_fmt(&config, "%s{\"created_by\":\"step %zu\"},{\"empty_layer\":true}", i ? "," : "", i);
    }
    text_add(&manifest, "]}]");
    text_add(&config, "],\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},\"os\":\"linux\"}");
    archive_add(out, &(struct archive_member){.path = "c.json", .data = config.data});
    for (size_t i = count; i-- > 0;) { /* Docker keeps no order */
        char name[32];
        snprintf(name, sizeof name, "%zu/layer.tar", count - i);
        archive_add(
            out, &(struct archive_member){.path = name, .data = layers[i].data, .data_len = layers[i].len});
        snprintf(name, sizeof name, "%zu/VERSION", count - i);
        archive_add(out, &(struct archive_member){.path = name, .data = "1.0"});
    }
    archive_add(out, &(struct archive_member){.path = "manifest.json", .data = manifest.data});
    archive_end(out);
    text_fini(&manifest);
    text_fini(&config);
}

int archive_read(void *arg, void *bytes, size_t len, size_t *got)
{
    struct archive_source *s = arg;
    size_t left = s->len - s->at, some = s->piece && s->piece < left ? s->piece : left;
    *got = some < len ? some : len;
    if (*got)
        memcpy(bytes, s->bytes + s->at, *got);
    s->at += *got;
    return 0;
}

int archive_read_image(struct image_read *out, const char *bytes, size_t len, struct err *e)
{
    struct archive_source memory = {.bytes = bytes, .len = len, .piece = 777};
    const struct image_source source = {archive_read, &memory, 64u << 20};
    return image_read(out, &source, 42, e);
}
