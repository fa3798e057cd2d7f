/* Reads the files of a site: once, at the start of the controller. */
#include "controller/web/web_site_int.h"

#include "common/base/mem.h"
#include "common/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define FOLDERS_DEEP 3
#define GZIP_WINDOW  (15 + 16) /* zlib's way of saying gzip */

const char *web_type_of(const char *name)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".woff2", "font/woff2"},
                 {".json", "application/json"},
                 {".txt", "text/plain; charset=utf-8"}};
    const char *suffix = strrchr(name, '.');
    for (size_t i = 0; suffix && i < sizeof types / sizeof *types; i++) {
        if (!strcmp(suffix, types[i].suffix))
            return types[i].type;
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct web_file *left = a, *right = b;
    return strcmp(left->name, right->name);
}

const struct web_file *web_file_find(const struct web_site *site, const char *name)
{
    struct web_file key;
    if (strlen(name) > WEB_NAME_MAX)
        return NULL;
    strcpy(key.name, name);
    return bsearch(&key, site->files, site->count, sizeof *site->files, by_name);
}

/* --- hashes and compression --- */

static void hex_of(const unsigned char *bytes, size_t hex_len, char *out)
{
    for (size_t i = 0; i < hex_len / 2; i++)
        sprintf(out + 2 * i, "%02x", bytes[i]);
}

static void digest_of(const void *bytes, size_t len, unsigned char out[static EVP_MAX_MD_SIZE])
{
    if (!EVP_Digest(bytes, len, out, NULL, EVP_sha256(), NULL))
        abort();
}

static void pack(struct web_file *file)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return;
    uLong most = deflateBound(&z, file->plain_len);
    unsigned char *packed = mem_zalloc(most);
    z.next_in = (unsigned char *)file->plain;
    z.avail_in = (uInt)file->plain_len;
    z.next_out = packed;
    z.avail_out = (uInt)most;
    bool whole = deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < file->plain_len;
    file->packed_len = z.total_out;
    deflateEnd(&z);
    if (whole)
        file->packed = mem_dup(packed, file->packed_len);
    free(packed);
}

/* --- reading --- */

static bool is_plain(const char *name)
{
    return name[0] != '.' && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
}

static int read_whole(int fd, char *out, size_t len, const char *name, struct err *e)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = read(fd, out + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, ERR_IO, "web_dir: %s cannot be read: %s", name,
                           n ? strerror(errno) : "it became shorter");
        at += (size_t)n;
    }
    return 0;
}

static int add_file(struct web_site *site, int fd, size_t size, const char *name, struct err *e)
{
    if (site->count == WEB_FILES_MAX)
        return err_set(e, ERR_CONFIG, "web_dir has more than %d files", WEB_FILES_MAX);
    if (size > WEB_FILE_BYTES_MAX || site->bytes + size > WEB_BYTES_MAX)
        return err_set(e, ERR_CONFIG, "web_dir: %s has %zu bytes; allowed are %d, and %d of all files", name,
                       size, WEB_FILE_BYTES_MAX, WEB_BYTES_MAX);
    struct web_file *file = &site->files[site->count++];
    *file = (struct web_file){.type = web_type_of(name), .plain = mem_zalloc(size + 1), .plain_len = size};
    strcpy(file->name, name);
    site->bytes += size;
    return read_whole(fd, file->plain, size, name, e);
}

static int read_folder(struct web_site *site, int folder, const char *prefix, int deep, struct err *e);

/* Takes fd. */
static int take_entry(struct web_site *site, int fd, const char *name, int deep, struct err *e)
{
    struct stat st;
    char prefix[WEB_NAME_MAX + 2];
    int rc = 0;
    if (fstat(fd, &st)) {
        rc = err_set(e, ERR_IO, "web_dir: %s cannot be read: %s", name, strerror(errno));
    } else if (S_ISDIR(st.st_mode) && deep < FOLDERS_DEEP) {
        snprintf(prefix, sizeof prefix, "%s/", name);
        return read_folder(site, fd, prefix, deep + 1, e);
    } else if (S_ISREG(st.st_mode) && web_type_of(name)) {
        rc = add_file(site, fd, (size_t)st.st_size, name, e);
    }
    close(fd);
    return rc;
}

/* Takes the file descriptor folder. */
static int read_folder(struct web_site *site, int folder, const char *prefix, int deep, struct err *e)
{
    DIR *dir = fdopendir(folder);
    struct dirent *entry;
    char name[WEB_NAME_MAX + 2];
    int rc = 0;
    if (!dir) {
        close(folder);
        return err_set(e, ERR_IO, "web_dir: %s cannot be listed: %s", prefix, strerror(errno));
    }
    while (!rc && (entry = readdir(dir))) {
        int n = snprintf(name, sizeof name, "%s%s", prefix, entry->d_name);
        if (!is_plain(entry->d_name) || n > WEB_NAME_MAX)
            continue;
        int fd = openat(folder, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            rc = take_entry(site, fd, name, deep, e);
    }
    closedir(dir);
    return rc;
}

/* --- the whole --- */

/* The version: it changes with any file's name or content. */
static void set_version(struct web_site *site)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct text all = {0};
    for (size_t i = 0; i < site->count; i++) {
        struct web_file *file = &site->files[i];
        digest_of(file->plain, file->plain_len, digest);
        hex_of(digest, WEB_ETAG_LEN, file->etag);
        text_fmt(&all, "%s %s\n", file->name, file->etag);
    }
    digest_of(all.data, all.len, digest);
    hex_of(digest, WEB_VERSION_LEN, site->version);
    text_fini(&all);
}

static void put_version(struct web_site *site, struct web_file *index)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct text text = {0};
    const char *at = index->plain, *mark;
    for (; (mark = strstr(at, WEB_VERSION_MARK)); at = mark + sizeof WEB_VERSION_MARK - 1) {
        text_add_bytes(&text, at, (size_t)(mark - at));
        text_add(&text, site->version);
    }
    text_add(&text, at);
    free(index->plain);
    index->plain = text.data;
    index->plain_len = text.len;
    digest_of(index->plain, index->plain_len, digest);
    hex_of(digest, WEB_ETAG_LEN, index->etag);
}

int web_site_load(struct web_site **out, const char *dir, struct err *e)
{
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return err_set(e, ERR_NOT_FOUND, "web_dir %s cannot be read: %s", dir, strerror(errno));
    struct web_site *site = mem_zalloc(sizeof *site);
    int rc = read_folder(site, folder, "", 0, e);
    qsort(site->files, site->count, sizeof *site->files, by_name);
    struct web_file *index = (struct web_file *)web_file_find(site, "index.html");
    if (!rc && !index)
        rc = err_set(e, ERR_NOT_FOUND, "web_dir %s has no index.html", dir);
    if (rc) {
        web_site_free(site);
        return rc;
    }
    set_version(site);
    put_version(site, index);
    for (size_t i = 0; i < site->count; i++)
        pack(&site->files[i]);
    *out = site;
    return 0;
}

void web_site_free(struct web_site *site)
{
    for (size_t i = 0; site && i < site->count; i++) {
        free(site->files[i].plain);
        free(site->files[i].packed);
    }
    free(site);
}

const char *web_site_version(const struct web_site *site)
{
    return site->version;
}
