#include "controller/streams/channel_frames.h"

#include "common/base/json_text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SIGNALLED 128

const char *const channel_protocols[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", NULL};

static struct channel_read wrong(const char *why)
{
    return (struct channel_read){.said = CHANNEL_SAID_WRONG, .why = why};
}

/* --- what clients say --- */

/* Some terminals do not know their size, and say 0: that changes nothing. */
static struct channel_read size_of(const json_t *size)
{
    const json_t *width = json_object_get(size, "Width"), *height = json_object_get(size, "Height");
    json_int_t columns = json_integer_value(width), rows = json_integer_value(height);
    if (!json_is_integer(width) || !json_is_integer(height) || columns < 0 || columns > UINT16_MAX ||
        rows < 0 || rows > UINT16_MAX)
        return wrong("a resize has Width and Height, numbers up to 65535");
    if (!rows || !columns)
        return (struct channel_read){.said = CHANNEL_SAID_NOTHING};
    return (struct channel_read){
        .said = CHANNEL_SAID_SIZE, .rows = (uint16_t)rows, .columns = (uint16_t)columns};
}

static struct channel_read read_resize(const uint8_t *bytes, size_t len)
{
    if (len > CHANNEL_RESIZE_MAX)
        return wrong("a resize is too long");
    json_t *size = json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
    struct channel_read read = size_of(size);
    json_decref(size);
    return read;
}

struct channel_read channel_frame_read(bool v5, const uint8_t *bytes, size_t len)
{
    if (!len)
        return (struct channel_read){.said = CHANNEL_SAID_NOTHING};
    if (bytes[0] == CHANNEL_STDIN)
        return (struct channel_read){
            .said = len > 1 ? CHANNEL_SAID_INPUT : CHANNEL_SAID_NOTHING, .bytes = bytes + 1, .len = len - 1};
    if (bytes[0] == CHANNEL_RESIZE)
        return read_resize(bytes + 1, len - 1);
    if (bytes[0] == CHANNEL_CLOSE && v5 && len == 2)
        return (struct channel_read){.said = bytes[1] == CHANNEL_STDIN ? CHANNEL_SAID_INPUT_END
                                                                       : CHANNEL_SAID_NOTHING};
    if (bytes[0] == CHANNEL_CLOSE && v5)
        return wrong("a close names one channel");
    return wrong("clients write to the channels 0, 4 and, in v5, 255");
}

/* --- the end --- */

static void put_cause(struct json_text *json, int32_t code)
{
    char text[16];
    snprintf(text, sizeof text, "%d", code);
    json_text_object(json, "details");
    json_text_array(json, "causes");
    json_text_object(json, NULL);
    json_text_str(json, "reason", "ExitCode");
    json_text_str(json, "message", text);
    json_text_end(json);
    json_text_end(json);
    json_text_end(json);
}

static void put_failure(struct json_text *json, const struct channel_end *end)
{
    int32_t code = end->has_exit_code ? end->exit_code : SIGNALLED + end->signo;
    bool process = end->has_exit_code || end->signo;
    char text[64];
    snprintf(text, sizeof text, "the command ended with exit code %d", code);
    json_text_str(json, "status", "Failure");
    json_text_str(json, "message", end->message ? end->message : text);
    json_text_str(json, "reason", end->reason ? end->reason : process ? "NonZeroExitCode" : "InternalError");
    if (process)
        put_cause(json, code);
}

void channel_end_write(const struct channel_end *end, struct text *out)
{
    struct json_text json = {0};
    json_text_object(&json, NULL);
    json_text_object(&json, "metadata");
    json_text_end(&json);
    if (end->has_exit_code && !end->exit_code && !end->reason)
        json_text_str(&json, "status", "Success");
    else
        put_failure(&json, end);
    if (end->has_exit_code)
        json_text_int(&json, "exit_code", end->exit_code);
    else
        json_text_null(&json, "exit_code");
    if (end->signo)
        json_text_int(&json, "signal", end->signo);
    else
        json_text_null(&json, "signal");
    json_text_end(&json);
    text_add_bytes(out, (const char[]){CHANNEL_STATUS}, 1);
    text_add(out, json.text.data);
    json_text_fini(&json);
}
