/*
 * An image: the bytes are its layer, or its whole archive, or the report of a node on one. What is read
 * without a loss keeps its tree when it is flattened.
 */
#include "tests/fuzz/target.h"

#include "agent/image/image_flat.h"
#include "proto/image_codec.h"
#include "tests/lib/image_archive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK 512

/* Gives each header its checksum, so that what it says is read. */
static void seal(char *bytes, size_t len)
{
    for (size_t at = 0; at + BLOCK <= len; at += BLOCK) {
        char *h = bytes + at;
        unsigned sum = 0;
        if (memcmp(h + 257, "ustar", 5) != 0)
            continue;
        memset(h + 148, ' ', 8);
        for (size_t i = 0; i < BLOCK; i++)
            sum += (unsigned char)h[i];
        for (int i = 5; i >= 0; i--, sum >>= 3)
            h[148 + i] = (char)('0' + (sum & 7));
        h[154] = 0;
    }
}

static int keep(void *arg, const void *bytes, size_t len)
{
    text_add_bytes(arg, bytes, len);
    return 0;
}

static void check_report(const struct image_report *report)
{
    struct image_report back;
    uint8_t *bytes;
    size_t len;
    if (image_report_pack(report, &bytes, &len, NULL) || image_report_unpack(bytes, len, &back, NULL) ||
        strcmp(back.tree, report->tree) != 0)
        abort();
    image_report_fini(&back);
    free(bytes);
}

static void check_flat(struct image_read *read, const struct text *archive, const struct image_report *report)
{
    struct image_flat_form form;
    struct image_read again;
    struct image_report after = {0};
    struct text flat = {0};
    const struct image_sink sink = {keep, &flat};
    int kept = memfd_create("kept", MFD_CLOEXEC);
    if (kept < 0 || write(kept, archive->data, archive->len) != (ssize_t)archive->len)
        abort();
    int rc = image_flat_measure(read, kept, "x", &form, NULL);
    if (!rc) {
        if (image_flat_write(read, kept, &form, &sink, NULL) ||
            archive_read_image(&again, flat.data, flat.len, NULL) ||
            image_read_report(&again, form.id, "x", &after, NULL) || strcmp(after.tree, report->tree) != 0)
            abort();
        image_read_fini(&again);
    }
    image_report_fini(&after);
    free(form.config);
    text_fini(&flat);
    close(kept);
}

static void read_archive(const struct text *archive)
{
    struct image_read read;
    struct image_report report = {0};
    if (!archive_read_image(&read, archive->data, archive->len, NULL) &&
        !image_read_report(&read, "sha256:0", "x:1", &report, NULL)) {
        check_report(&report);
        if (!report.why_partial[0])
            check_flat(&read, archive, &report);
    }
    image_report_fini(&report);
    image_read_fini(&read);
}

/* Two layers of the bytes, cut where the first byte says. */
static void read_layers(char *bytes, size_t len)
{
    size_t cut = len ? (size_t)(unsigned char)bytes[0] * BLOCK : 0;
    struct text layers[2] = {{0}, {0}}, archive = {0};
    cut = cut > len ? len : cut;
    text_add_bytes(&layers[0], bytes, cut);
    text_add_bytes(&layers[1], bytes + cut, len - cut);
    archive_end(&layers[0]);
    archive_end(&layers[1]);
    archive_image(&archive, layers, 2);
    read_archive(&archive);
    text_fini(&archive);
    text_fini(&layers[0]);
    text_fini(&layers[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct image_report report;
    struct image_flat flat;
    struct text archive = {0};
    if (!len)
        return 0;
    char mode = (char)bytes[0], *copy = malloc(len);
    memcpy(copy, bytes + 1, len - 1);
    seal(copy, len - 1);
    if (mode % 4 == 0) {
        text_add_bytes(&archive, copy, len - 1);
        text_add_bytes(&archive, "", 0);
        read_archive(&archive);
        text_fini(&archive);
    } else if (mode % 4 == 1) {
        if (!image_report_unpack(bytes + 1, len - 1, &report, NULL)) {
            check_report(&report);
            image_report_fini(&report);
        }
        if (!image_flat_unpack(bytes + 1, len - 1, &flat, NULL))
            image_flat_fini(&flat);
    } else {
        read_layers(copy, len - 1);
    }
    free(copy);
    return 0;
}
