#include "common/io/secrets.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "common/io/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_BYTES   32
#define NONCE_BYTES 12
#define TAG_BYTES   16
#define VERSION     1
#define PURPOSE     "corral secrets 1"

struct secret_key {
    char id[SECRETS_ID_MAX + 1];
    uint8_t bytes[KEY_BYTES];
};

struct secrets {
    struct secret_key key[SECRETS_KEYS_MAX];
    size_t count;
};

/* --- the key file --- */

static bool id_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool id_take(const char *text, size_t len, char *out)
{
    if (!len || len > SECRETS_ID_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!id_char(text[i]))
            return false;
    }
    memcpy(out, text, len);
    out[len] = 0;
    return true;
}

bool secrets_is_id(const char *text)
{
    char id[SECRETS_ID_MAX + 1];
    return id_take(text, strlen(text), id);
}

/* The same key has the same name on every machine, and the name says nothing about the key. */
static void id_of_key(const uint8_t *bytes, char *out)
{
    uint8_t sum[SHA256_DIGEST_LENGTH];
    SHA256(bytes, KEY_BYTES, sum);
    snprintf(out, SECRETS_ID_MAX + 1, "sha256-%02x%02x%02x%02x", sum[0], sum[1], sum[2], sum[3]);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool hex_take(const char *text, size_t len, uint8_t *out)
{
    if (len != (size_t)2 * KEY_BYTES)
        return false;
    for (size_t i = 0; i < KEY_BYTES; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* 32 bytes are 43 characters and one of padding, which may be missing. */
static bool base64_take(const char *text, size_t len, uint8_t *out)
{
    uint8_t padded[44], bytes[KEY_BYTES + 1];
    size_t body = len == 44 && text[43] == '=' ? 43 : len;
    if (body != 43)
        return false;
    for (size_t i = 0; i < body; i++) {
        if (!id_char(text[i]) && text[i] != '+' && text[i] != '/')
            return false;
        padded[i] = (uint8_t)(text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
    }
    padded[43] = '=';
    bool good = EVP_DecodeBlock(bytes, padded, sizeof padded) == KEY_BYTES + 1;
    if (good)
        memcpy(out, bytes, KEY_BYTES);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(padded, sizeof padded);
    return good;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next word of a line; *len is 0 at its end. */
static const char *next_word(const char **at, const char *end, size_t *len)
{
    while (*at < end && is_blank(**at))
        (*at)++;
    const char *word = *at;
    while (*at < end && !is_blank(**at))
        (*at)++;
    *len = (size_t)(*at - word);
    return word;
}

/* Returns what is wrong with the line, NULL for nothing. A line without a key adds none. */
static const char *line_take(struct secrets *secrets, const char *line, size_t line_len)
{
    struct secret_key *key = &secrets->key[secrets->count];
    const char *at = line, *end = line + line_len;
    size_t first_len, second_len, rest_len;
    const char *first = next_word(&at, end, &first_len), *second = next_word(&at, end, &second_len);
    (void)next_word(&at, end, &rest_len);
    if (!first_len || *first == '#')
        return NULL;
    if (secrets->count == SECRETS_KEYS_MAX)
        return "too many keys; at most 64";
    if (rest_len)
        return "more than an id and a key";
    if (second_len && !id_take(first, first_len, key->id))
        return "the id is not 1 to 32 of A-Z a-z 0-9 . _ -";
    const char *text = second_len ? second : first;
    size_t len = second_len ? second_len : first_len;
    if (!hex_take(text, len, key->bytes) && !base64_take(text, len, key->bytes))
        return "the key is not 32 bytes in base64 or hexadecimal";
    if (!second_len)
        id_of_key(key->bytes, key->id);
    if (secrets_has(secrets, key->id))
        return "the id stands on two lines";
    secrets->count++;
    return NULL;
}

static const char *lines_take(struct secrets *secrets, const char *text, size_t len, unsigned *line)
{
    const char *wrong = NULL, *end = text + len;
    for (*line = 1; text < end && !wrong; (*line)++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t line_len = (size_t)((stop ? stop : end) - text);
        wrong = line_take(secrets, text, line_len);
        text += line_len + 1;
    }
    (*line)--;
    return wrong;
}

int secrets_parse(struct secrets **out, const char *text, size_t len, struct err *e)
{
    struct secrets *secrets = mem_zalloc(sizeof *secrets);
    unsigned line = 0;
    const char *wrong = NULL;
    if (len == KEY_BYTES) {
        memcpy(secrets->key[0].bytes, text, KEY_BYTES);
        id_of_key(secrets->key[0].bytes, secrets->key[0].id);
        secrets->count = 1;
    } else {
        wrong = lines_take(secrets, text, len, &line);
    }
    if (!wrong && secrets->count) {
        *out = secrets;
        return 0;
    }
    secrets_free(secrets);
    return wrong ? err_set(e, ERR_CONFIG, "line %u: %s", line, wrong)
                 : err_set(e, ERR_CONFIG, "it holds no key; corral-controller secrets new prints one");
}

static int check_file(const struct stat *st, const char *path, struct err *e)
{
    if (!S_ISREG(st->st_mode))
        return err_set(e, ERR_CONFIG, "%s: is not a regular file", path);
    unsigned mode = st->st_mode & 0777;
    if (mode & 022)
        return err_set(e, ERR_CONFIG, "%s: other users may write it (mode %03o); chmod 600 %s", path, mode,
                       path);
    if (mode & 044) /* as secrets that are mounted into a container often are */
        log_warn("secrets", "%s: other users may read it (mode %03o); chmod 600 %s", path, mode, path);
    if (st->st_size > SECRETS_FILE_MAX)
        return err_set(e, ERR_CONFIG, "%s: is larger than %d bytes", path, SECRETS_FILE_MAX);
    return 0;
}

static int read_file(int fd, const char *path, struct secrets **out, struct err *e)
{
    struct stat st;
    struct err why;
    if (fstat(fd, &st))
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    int rc = check_file(&st, path, e);
    if (rc)
        return rc;
    size_t size = (size_t)st.st_size;
    char *text = mem_zalloc(size + 1);
    ssize_t len = read(fd, text, size); /* a read of a regular file returns all of it, or an error */
    if (len < 0)
        rc = err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    else if (secrets_parse(out, text, (size_t)len, &why))
        rc = err_set(e, ERR_CONFIG, "%s: %s", path, why.text);
    secrets_wipe(text, size);
    return rc;
}

int secrets_load(struct secrets **out, const char *path, struct err *e)
{
    *out = NULL;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
    int rc = read_file(fd, path, out, e);
    close(fd);
    return rc;
}

void secrets_new_line(const char *id, char *out)
{
    uint8_t bytes[KEY_BYTES];
    char text[45];
    pki_random(bytes, sizeof bytes);
    EVP_EncodeBlock((unsigned char *)text, bytes, sizeof bytes);
    snprintf(out, SECRETS_LINE_MAX, "%s %s", id, text);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(text, sizeof text);
}

static bool sync_folder_of(const char *path)
{
    CLEANUP(mem_free_ptr) char *copy = mem_strdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && !fsync(fd);
    if (fd >= 0)
        close(fd);
    return good;
}

/* Whole or not at all: the file appears under its name when it is on the disk. What it seals may be there as
 * soon as this returns, so its name is, too. */
static int make_file(const char *path, const char *id, struct err *e)
{
    CLEANUP(mem_free_ptr) char *fresh = NULL;
    char line[SECRETS_LINE_MAX];
    if (asprintf(&fresh, "%s.new", path) < 0)
        abort();
    secrets_new_line(id, line);
    int fd = open(fresh, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good = fd >= 0 && !fchmod(fd, 0600) && dprintf(fd, "%s\n", line) > 0 && !fsync(fd);
    good = fd >= 0 && !close(fd) && good && !rename(fresh, path) && sync_folder_of(path);
    OPENSSL_cleanse(line, sizeof line);
    return good ? 0 : err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

int secrets_load_or_make(struct secrets **out, const char *path, const char *id, struct err *e)
{
    *out = NULL;
    if (access(path, F_OK) && errno == ENOENT && make_file(path, id, e))
        return e->code;
    return secrets_load(out, path, e);
}

void secrets_free(struct secrets *secrets)
{
    secrets_wipe(secrets, sizeof *secrets);
}

void secrets_wipe(void *p, size_t len)
{
    if (p)
        OPENSSL_cleanse(p, len);
    free(p);
}

static const struct secret_key *find(const struct secrets *secrets, const char *id)
{
    for (size_t i = 0; secrets && i < secrets->count; i++) {
        if (!strcmp(secrets->key[i].id, id))
            return &secrets->key[i];
    }
    return NULL;
}

const char *secrets_sealing_id(const struct secrets *secrets)
{
    return secrets->key[0].id;
}

bool secrets_has(const struct secrets *secrets, const char *id)
{
    return find(secrets, id) != NULL;
}

/* --- sealing --- */

/* The key of one subject. */
static bool derive(const struct secret_key *key, const char *subject, uint8_t *out)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key->bytes, KEY_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)subject, strlen(subject)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)PURPOSE, strlen(PURPOSE)),
        OSSL_PARAM_construct_end()};
    bool good = ctx && EVP_KDF_derive(ctx, out, KEY_BYTES, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return good;
}

/* A sealed text: version, length of the id, id; nonce; the text, encrypted; tag. */
struct layout {
    size_t head, text, whole;
};

static struct layout layout_of(size_t id_len, size_t len)
{
    size_t head = 2 + id_len, text = head + NONCE_BYTES;
    return (struct layout){head, text, text + len + TAG_BYTES};
}

/* What is authenticated beside the text: the head, and the subject. */
static bool begin(EVP_CIPHER_CTX *ctx, bool seals, const struct secret_key *key, const char *subject,
                  const uint8_t *sealed, const struct layout *at)
{
    uint8_t derived[KEY_BYTES];
    int n;
    bool good = derive(key, subject, derived) &&
                EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), derived, sealed + at->head, seals, NULL) == 1 &&
                EVP_CipherUpdate(ctx, NULL, &n, sealed, (int)at->head) == 1 &&
                EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)subject, (int)strlen(subject)) == 1;
    OPENSSL_cleanse(derived, sizeof derived);
    return good;
}

int secrets_seal(const struct secrets *secrets, const char *subject, const void *plain, size_t len,
                 uint8_t **out, size_t *out_len, struct err *e)
{
    const struct secret_key *key = &secrets->key[0];
    size_t id_len = strlen(key->id);
    struct layout at = layout_of(id_len, len);
    uint8_t *sealed = mem_zalloc(at.whole);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    sealed[0] = VERSION;
    sealed[1] = (uint8_t)id_len;
    memcpy(sealed + 2, key->id, id_len);
    pki_random(sealed + at.head, NONCE_BYTES);
    bool good = ctx && len <= INT32_MAX && begin(ctx, true, key, subject, sealed, &at) &&
                EVP_EncryptUpdate(ctx, sealed + at.text, &n, plain, (int)len) == 1 &&
                EVP_EncryptFinal_ex(ctx, sealed + at.text + len, &n) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, sealed + at.text + len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!good) {
        free(sealed);
        return err_set(e, ERR_INTERNAL, "AES-256-GCM fails");
    }
    *out = sealed;
    *out_len = at.whole;
    return 0;
}

/* Whether the tag, too, is right; only then is what is in out the text. */
static bool decrypt(const struct secret_key *key, const char *subject, const uint8_t *sealed,
                    const struct layout *at, uint8_t *out, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    bool good = ctx && begin(ctx, false, key, subject, sealed, at) &&
                EVP_DecryptUpdate(ctx, out, &n, sealed + at->text, (int)len) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES,
                                    (void *)(uintptr_t)(sealed + at->text + len)) == 1 &&
                EVP_DecryptFinal_ex(ctx, out + len, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

int secrets_open(const struct secrets *secrets, const char *subject, const uint8_t *sealed, size_t len,
                 uint8_t **out, size_t *out_len, struct err *e)
{
    char id[SECRETS_ID_MAX + 1];
    size_t id_len = len > 1 ? sealed[1] : 0, least = layout_of(id_len, 0).whole;
    if (len < least || len > INT32_MAX || sealed[0] != VERSION ||
        !id_take((const char *)sealed + 2, id_len, id))
        return err_set(e, ERR_PROTOCOL, "it is damaged, or of a newer version");
    const struct secret_key *key = find(secrets, id);
    if (!key)
        return err_set(e, ERR_CONFIG, "the key %s, which sealed it, is missing", id);
    size_t plain_len = len - least;
    struct layout at = layout_of(id_len, plain_len);
    uint8_t *plain = mem_zalloc(plain_len + 1);
    if (!decrypt(key, subject, sealed, &at, plain, plain_len)) {
        secrets_wipe(plain, plain_len + 1);
        return err_set(e, ERR_PROTOCOL,
                       "it was changed, or sealed for another sandbox or with another key %s", id);
    }
    *out = plain;
    *out_len = plain_len;
    return 0;
}
