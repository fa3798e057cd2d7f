#include "tests/fuzz/target.h"

#include "agent/core/outbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bytes with the right checksum before each line, so that the text of the line is parsed. */
static char *with_sums(const uint8_t *bytes, size_t len, size_t *out_len)
{
    char *text;
    FILE *out = open_memstream(&text, out_len);
    for (size_t at = 0; at < len;) {
        uint64_t sum = 0xcbf29ce484222325u;
        size_t end = at;
        for (; end < len && bytes[end] != '\n'; end++)
            sum = (sum ^ bytes[end]) * 0x100000001b3u;
        fprintf(out, "%016" PRIx64 " ", sum);
        fwrite(bytes + at, 1, end - at, out);
        fputc('\n', out);
        at = end + 1;
    }
    fclose(out);
    return text;
}

static struct outbox *read_it(const char *text, size_t len, struct outbox_reading *reading)
{
    struct outbox *o = outbox_new(1);
    outbox_read(o, text, len, "a-boot", 5000, 1000, reading);
    return o;
}

/* An outbox that an earlier life of the agent left. What was read is written so that it can be read again,
 * whole. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct violation_report violations[OUTBOX_SEND_MAX];
    static struct sample samples[OUTBOX_SEND_MAX];
    struct outbox_reading reading;
    struct outbox_write w;
    size_t text_len;
    char *text = with_sums(bytes, len, &text_len);
    struct outbox *o = read_it(text, text_len, &reading);
    free(text);
    outbox_take_violations(o, 5000, violations);
    outbox_take_samples(o, 5000, samples);
    if (!outbox_write(o, &w) || !w.whole)
        abort();
    text = outbox_format(w.whole, "a-boot", 1000, &text_len);
    struct outbox *back = read_it(text, text_len, &reading);
    struct outbox_stats before = outbox_stats(o), after = outbox_stats(back);
    if (reading.strange || reading.torn || memcmp(&before, &after, sizeof before))
        abort();
    outbox_free(back);
    outbox_free(w.whole);
    outbox_free(o);
    free(text);
    return 0;
}
