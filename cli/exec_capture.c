#include "cli/exec_capture.h"

#include "cli/steady.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void exec_capture_init(struct exec_capture *capture)
{
    *capture = (struct exec_capture){.begun_ms = steady_ms()};
}

void exec_capture_fini(struct exec_capture *capture)
{
    text_fini(&capture->out);
    text_fini(&capture->err);
}

void exec_capture_add(struct exec_capture *capture, bool is_stderr, const uint8_t *bytes, size_t len)
{
    struct text *to = is_stderr ? &capture->err : &capture->out;
    size_t room = EXEC_CAPTURE_MAX - to->len, some = len < room ? len : room;
    capture->truncated |= some < len;
    text_add_bytes(to, (const char *)bytes, some);
}

/* Where the bound cut through a letter, its part goes, so that text stays text. */
static void put(json_t *object, const char *name, const struct text *bytes)
{
    const char *data = bytes->data ? bytes->data : "";
    size_t len = bytes->len == EXEC_CAPTURE_MAX ? utf8_whole(data, bytes->len) : bytes->len;
    CLEANUP(mem_free_ptr) char *copy = mem_dup(data, len);
    char other[32];
    if (!memchr(copy, 0, len) && utf8_valid(copy)) {
        json_object_set_new(object, name, json_stringn(copy, len));
        return;
    }
    CLEANUP(mem_free_ptr) char *coded = mem_zalloc(bytes->len / 3 * 4 + 5);
    EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)data, (int)bytes->len);
    snprintf(other, sizeof other, "%s_base64", name);
    json_object_set_new(object, other, json_string(coded));
}

json_t *exec_capture_json(const struct exec_capture *capture, const json_t *process)
{
    static const char *const same[] = {"exit_code", "signal", "timed_out"};
    json_t *object = json_object();
    for (size_t i = 0; i < 2; i++)
        json_object_set(object, same[i], json_object_get(process, same[i]));
    put(object, "stdout", &capture->out);
    put(object, "stderr", &capture->err);
    json_object_set_new(object, "truncated", json_boolean(capture->truncated));
    json_object_set(object, same[2], json_object_get(process, same[2]));
    json_object_set_new(object, "duration_ms", json_integer((json_int_t)(steady_ms() - capture->begun_ms)));
    return object;
}
