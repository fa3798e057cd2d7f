#include "agent/init/init_unzip.h"

#include "agent/init/init_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum kind { UNKNOWN, PLAIN, GZIP, ZSTD };

struct init_unzip {
    int in;
    enum kind kind;
    bool in_ended;
    bool between; /* a compressed stream has ended; another may follow */
    z_stream gzip;
    ZSTD_DCtx *zstd;
    size_t at, len; /* of bytes, what was read and not taken yet */
    unsigned char bytes[65536];
};

/* Reads more behind what waits. */
static int fill(struct init_unzip *zip)
{
    if (zip->at == zip->len)
        zip->at = zip->len = 0;
    ssize_t n = read(zip->in, zip->bytes + zip->len, sizeof zip->bytes - zip->len);
    if (n < 0)
        return errno == EINTR ? 0 : errno;
    zip->len += (size_t)n;
    zip->in_ended = !n;
    return 0;
}

static bool begins_gzip(const unsigned char *b)
{
    return b[0] == 0x1f && b[1] == 0x8b;
}

/* Also a frame that is to be skipped, as some programs write in front. */
static bool begins_zstd(const unsigned char *b)
{
    return (b[0] == 0x28 && b[1] == 0xb5 && b[2] == 0x2f && b[3] == 0xfd) ||
           (b[0] >> 4 == 5 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18);
}

static int find_kind(struct init_unzip *zip)
{
    while (zip->len < 4 && !zip->in_ended) {
        int error = fill(zip);
        if (error)
            return error;
    }
    zip->kind = PLAIN;
    if (zip->len < 4)
        return 0;
    if (begins_gzip(zip->bytes)) {
        zip->kind = GZIP;
        return inflateInit2(&zip->gzip, 16 + MAX_WBITS) == Z_OK ? 0 : ENOMEM;
    }
    if (!begins_zstd(zip->bytes))
        return 0;
    zip->kind = ZSTD;
    if (!(zip->zstd = ZSTD_createDCtx()))
        return ENOMEM;
    return ZSTD_isError(ZSTD_DCtx_setParameter(zip->zstd, ZSTD_d_windowLogMax, INIT_FILE_WINDOW_LOG)) ? EIO
                                                                                                      : 0;
}

static void read_plain(struct init_unzip *zip, void *bytes, size_t len, size_t *got)
{
    *got = zip->len - zip->at < len ? zip->len - zip->at : len;
    memcpy(bytes, zip->bytes + zip->at, *got);
    zip->at += *got;
}

/* What follows a gzip stream and is none is padding. */
static int read_gzip(struct init_unzip *zip, void *bytes, size_t len, size_t *got)
{
    if (zip->between && zip->bytes[zip->at] != 0x1f) {
        zip->at = zip->len;
        return 0;
    }
    if (zip->between && inflateReset(&zip->gzip) != Z_OK)
        return INIT_FAULT_COMPRESSION;
    zip->between = false;
    zip->gzip.next_in = zip->bytes + zip->at;
    zip->gzip.avail_in = (uInt)(zip->len - zip->at);
    zip->gzip.next_out = bytes;
    zip->gzip.avail_out = (uInt)len;
    int rc = inflate(&zip->gzip, Z_NO_FLUSH);
    zip->at = zip->len - zip->gzip.avail_in;
    *got = len - zip->gzip.avail_out;
    zip->between = rc == Z_STREAM_END;
    if (rc == Z_MEM_ERROR)
        return ENOMEM;
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR ? 0 : INIT_FAULT_COMPRESSION;
}

static int read_zstd(struct init_unzip *zip, void *bytes, size_t len, size_t *got)
{
    ZSTD_inBuffer in = {.src = zip->bytes, .size = zip->len, .pos = zip->at};
    ZSTD_outBuffer out = {.dst = bytes, .size = len};
    size_t rc = ZSTD_decompressStream(zip->zstd, &out, &in);
    zip->at = in.pos;
    *got = out.pos;
    zip->between = !rc;
    if (!ZSTD_isError(rc))
        return 0;
    ZSTD_ErrorCode code = ZSTD_getErrorCode(rc);
    return code == ZSTD_error_frameParameter_windowTooLarge ? INIT_FAULT_WINDOW
           : code == ZSTD_error_memory_allocation           ? ENOMEM
                                                            : INIT_FAULT_COMPRESSION;
}

static int read_some(struct init_unzip *zip, void *bytes, size_t len, size_t *got)
{
    if (zip->kind == GZIP)
        return read_gzip(zip, bytes, len, got);
    if (zip->kind == ZSTD)
        return read_zstd(zip, bytes, len, got);
    read_plain(zip, bytes, len, got);
    return 0;
}

int init_unzip_read(void *arg, void *bytes, size_t len, size_t *got)
{
    struct init_unzip *zip = arg;
    int error = zip->kind == UNKNOWN ? find_kind(zip) : 0;
    if (len > 1u << 30)
        len = 1u << 30;
    *got = 0;
    /* Once without input: the decompressor may hold more than there was room for. */
    if (!error && zip->kind != PLAIN && !zip->between)
        error = read_some(zip, bytes, len, got);
    while (!error && !*got) {
        if (zip->at == zip->len && !zip->in_ended)
            error = fill(zip);
        if (!error && zip->at == zip->len && zip->in_ended)
            return zip->kind == PLAIN || zip->between ? 0 : INIT_FAULT_CUT;
        if (!error && zip->at < zip->len)
            error = read_some(zip, bytes, len, got);
    }
    return error;
}

/* Compressed bytes are decompressed up to their end, whose checksum tells of damage. */
int init_unzip_drain(struct init_unzip *zip)
{
    static char bytes[65536];
    size_t got = 1;
    int error = 0;
    while (!error && got && zip->kind != PLAIN)
        error = init_unzip_read(zip, bytes, sizeof bytes, &got);
    while (!error && !zip->in_ended) {
        zip->at = zip->len = 0;
        error = fill(zip);
    }
    return error;
}

struct init_unzip *init_unzip_open(int in)
{
    struct init_unzip *zip = calloc(1, sizeof *zip);
    if (zip)
        zip->in = in;
    return zip;
}

void init_unzip_close(struct init_unzip *zip)
{
    if (zip->kind == GZIP)
        (void)inflateEnd(&zip->gzip);
    ZSTD_freeDCtx(zip->zstd);
    free(zip);
}
