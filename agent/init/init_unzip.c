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
static int fill(struct init_unzip *z)
{
    if (z->at == z->len)
        z->at = z->len = 0;
    ssize_t n = read(z->in, z->bytes + z->len, sizeof z->bytes - z->len);
    if (n < 0)
        return errno == EINTR ? 0 : errno;
    z->len += (size_t)n;
    z->in_ended = !n;
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

static int find_kind(struct init_unzip *z)
{
    while (z->len < 4 && !z->in_ended) {
        int error = fill(z);
        if (error)
            return error;
    }
    z->kind = PLAIN;
    if (z->len < 4)
        return 0;
    if (begins_gzip(z->bytes)) {
        z->kind = GZIP;
        return inflateInit2(&z->gzip, 16 + MAX_WBITS) == Z_OK ? 0 : ENOMEM;
    }
    if (!begins_zstd(z->bytes))
        return 0;
    z->kind = ZSTD;
    if (!(z->zstd = ZSTD_createDCtx()))
        return ENOMEM;
    return ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd, ZSTD_d_windowLogMax, INIT_FILE_WINDOW_LOG)) ? EIO : 0;
}

static void read_plain(struct init_unzip *z, void *bytes, size_t len, size_t *got)
{
    *got = z->len - z->at < len ? z->len - z->at : len;
    memcpy(bytes, z->bytes + z->at, *got);
    z->at += *got;
}

/* What follows a gzip stream and is none is padding. */
static int read_gzip(struct init_unzip *z, void *bytes, size_t len, size_t *got)
{
    if (z->between && z->bytes[z->at] != 0x1f) {
        z->at = z->len;
        return 0;
    }
    if (z->between && inflateReset(&z->gzip) != Z_OK)
        return INIT_FAULT_COMPRESSION;
    z->between = false;
    z->gzip.next_in = z->bytes + z->at;
    z->gzip.avail_in = (uInt)(z->len - z->at);
    z->gzip.next_out = bytes;
    z->gzip.avail_out = (uInt)len;
    int rc = inflate(&z->gzip, Z_NO_FLUSH);
    z->at = z->len - z->gzip.avail_in;
    *got = len - z->gzip.avail_out;
    z->between = rc == Z_STREAM_END;
    if (rc == Z_MEM_ERROR)
        return ENOMEM;
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR ? 0 : INIT_FAULT_COMPRESSION;
}

static int read_zstd(struct init_unzip *z, void *bytes, size_t len, size_t *got)
{
    ZSTD_inBuffer in = {.src = z->bytes, .size = z->len, .pos = z->at};
    ZSTD_outBuffer out = {.dst = bytes, .size = len};
    size_t rc = ZSTD_decompressStream(z->zstd, &out, &in);
    z->at = in.pos;
    *got = out.pos;
    z->between = !rc;
    if (!ZSTD_isError(rc))
        return 0;
    ZSTD_ErrorCode code = ZSTD_getErrorCode(rc);
    return code == ZSTD_error_frameParameter_windowTooLarge ? INIT_FAULT_WINDOW
           : code == ZSTD_error_memory_allocation           ? ENOMEM
                                                            : INIT_FAULT_COMPRESSION;
}

static int read_some(struct init_unzip *z, void *bytes, size_t len, size_t *got)
{
    if (z->kind == GZIP)
        return read_gzip(z, bytes, len, got);
    if (z->kind == ZSTD)
        return read_zstd(z, bytes, len, got);
    read_plain(z, bytes, len, got);
    return 0;
}

int init_unzip_read(void *arg, void *bytes, size_t len, size_t *got)
{
    struct init_unzip *z = arg;
    int error = z->kind == UNKNOWN ? find_kind(z) : 0;
    if (len > 1u << 30)
        len = 1u << 30;
    *got = 0;
    /* Once without input: the decompressor may hold more than there was room for. */
    if (!error && z->kind != PLAIN && !z->between)
        error = read_some(z, bytes, len, got);
    while (!error && !*got) {
        if (z->at == z->len && !z->in_ended)
            error = fill(z);
        if (!error && z->at == z->len && z->in_ended)
            return z->kind == PLAIN || z->between ? 0 : INIT_FAULT_CUT;
        if (!error && z->at < z->len)
            error = read_some(z, bytes, len, got);
    }
    return error;
}

int init_unzip_drain(struct init_unzip *z)
{
    int error = 0;
    while (!error && !z->in_ended) {
        z->at = z->len = 0;
        error = fill(z);
    }
    return error;
}

struct init_unzip *init_unzip_open(int in)
{
    struct init_unzip *z = calloc(1, sizeof *z);
    if (z)
        z->in = in;
    return z;
}

void init_unzip_close(struct init_unzip *z)
{
    if (z->kind == GZIP)
        (void)inflateEnd(&z->gzip);
    ZSTD_freeDCtx(z->zstd);
    free(z);
}
