#include "agent/init/init_proto.h"

#include <errno.h>
#include <string.h>

struct bounds {
    uint32_t least, most;
    bool known;
};

static const struct bounds bounds[] = {
#define INIT_FRAME(name, number, min, max) [number] = {.least = min, .most = max, .known = true},
    INIT_FRAMES(INIT_FRAME)
#undef INIT_FRAME
};

static bool head_valid(const struct init_head *head)
{
    if (head->type >= sizeof bounds / sizeof bounds[0] || !bounds[head->type].known || head->zero)
        return false;
    return head->len >= bounds[head->type].least && head->len <= bounds[head->type].most;
}

long init_frame_get(const uint8_t *bytes, size_t len, struct init_frame *out)
{
    struct init_head head;
    if (len < sizeof head)
        return 0;
    memcpy(&head, bytes, sizeof head);
    if (!head_valid(&head))
        return -1;
    if (len - sizeof head < head.len)
        return 0;
    *out = (struct init_frame){.type = (enum init_type)head.type,
                               .stream = head.stream,
                               .payload = bytes + sizeof head,
                               .len = head.len};
    return (long)(sizeof head + head.len);
}

bool init_frame_head(struct init_head *out, enum init_type type, uint32_t stream, size_t len)
{
    *out = (struct init_head){.len = (uint32_t)len, .stream = stream, .type = (uint16_t)type};
    return len <= INIT_START_MAX && head_valid(out);
}

size_t init_frame_put(uint8_t *out, size_t cap, enum init_type type, uint32_t stream, const void *payload,
                      size_t len)
{
    struct init_head head;
    if (!init_frame_head(&head, type, stream, len) || cap < sizeof head + len)
        return 0;
    memcpy(out, &head, sizeof head);
    if (len)
        memmove(out + sizeof head, payload, len);
    return sizeof head + len;
}

/* The counts, then every string with its NUL: cwd, arguments, environment. */
struct start_head {
    uint32_t argc, envc, zero[2];
};

struct cursor {
    const char *at, *end;
};

/* The next string; NULL if its NUL is not in the payload. */
static const char *take_string(struct cursor *cursor)
{
    const char *s = cursor->at;
    const char *nul = memchr(s, 0, (size_t)(cursor->end - s));
    if (!nul)
        return NULL;
    cursor->at = nul + 1;
    return s;
}

static bool take_strings(struct cursor *cursor, const char **out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!(out[i] = take_string(cursor)))
            return false;
    out[count] = NULL;
    return true;
}

static bool environ_valid(const struct init_start *start)
{
    if (start->envc > INIT_STRINGS_MAX)
        return false;
    for (uint32_t i = 0; i < start->envc; i++)
        if (start->env[i][0] == '=' || !strchr(start->env[i], '='))
            return false;
    return true;
}

static bool start_valid(const struct init_start *start)
{
    return start->argc && start->argc <= INIT_STRINGS_MAX && environ_valid(start);
}

bool init_hello_get(const uint8_t *payload, size_t len, struct init_hello *out)
{
    size_t first = offsetof(struct init_hello, features);
    *out = (struct init_hello){.next_process = INIT_MAIN + 1};
    memcpy(out, payload, len < sizeof *out ? first : sizeof *out);
    if (out->main_state > INIT_MAIN_FRESH)
        return false;
    if (out->version == INIT_VERSION_1)
        return len == first;
    return out->version == INIT_VERSION && len >= sizeof *out && out->next_process > INIT_MAIN;
}

bool init_strings_get(const uint8_t *bytes, size_t len, struct init_start *out)
{
    struct cursor cursor = {.at = (const char *)bytes, .end = (const char *)bytes + len};
    if (out->argc > INIT_STRINGS_MAX || out->envc > INIT_STRINGS_MAX)
        return false;
    out->cwd = take_string(&cursor);
    return out->cwd && take_strings(&cursor, out->argv, out->argc) &&
           take_strings(&cursor, out->env, out->envc) && cursor.at == cursor.end && start_valid(out);
}

bool init_start_get(const uint8_t *payload, size_t len, struct init_start *out)
{
    struct start_head head;
    if (len < sizeof head)
        return false;
    memcpy(&head, payload, sizeof head);
    out->argc = head.argc;
    out->envc = head.envc;
    return !head.zero[0] && !head.zero[1] && init_strings_get(payload + sizeof head, len - sizeof head, out);
}

static bool put_string(uint8_t *out, size_t cap, size_t *at, const char *s)
{
    size_t len = strlen(s) + 1;
    if (cap - *at < len)
        return false;
    memcpy(out + *at, s, len);
    *at += len;
    return true;
}

static size_t pack_strings(uint8_t *out, size_t cap, const struct init_start *start)
{
    size_t at = 0;
    if (!put_string(out, cap, &at, start->cwd))
        return 0;
    for (uint32_t i = 0; i < start->argc; i++)
        if (!put_string(out, cap, &at, start->argv[i]))
            return 0;
    for (uint32_t i = 0; i < start->envc; i++)
        if (!put_string(out, cap, &at, start->env[i]))
            return 0;
    return at;
}

size_t init_strings_pack(uint8_t *out, size_t cap, const struct init_start *start)
{
    return start_valid(start) ? pack_strings(out, cap, start) : 0;
}

size_t init_start_pack(uint8_t *out, size_t cap, const struct init_start *start)
{
    struct start_head head = {.argc = start->argc, .envc = start->envc};
    if (cap < sizeof head)
        return 0;
    size_t len = init_strings_pack(out + sizeof head, cap - sizeof head, start);
    memcpy(out, &head, sizeof head);
    return len ? sizeof head + len : 0;
}

/* Followed by every string with its NUL: cwd, environment. */
struct environ_head {
    uint32_t envc, nofile;
};

bool init_environ_get(const uint8_t *payload, size_t len, struct init_start *out)
{
    struct environ_head head;
    if (len < sizeof head)
        return false;
    memcpy(&head, payload, sizeof head);
    struct cursor cursor = {.at = (const char *)payload + sizeof head, .end = (const char *)payload + len};
    out->argc = 0;
    out->envc = head.envc;
    out->nofile = head.nofile;
    if (head.envc > INIT_STRINGS_MAX)
        return false;
    out->cwd = take_string(&cursor);
    return out->cwd && take_strings(&cursor, out->env, out->envc) && cursor.at == cursor.end &&
           environ_valid(out);
}

size_t init_environ_pack(uint8_t *out, size_t cap, const struct init_start *start)
{
    struct environ_head head = {.envc = start->envc, .nofile = start->nofile};
    if (cap < sizeof head || start->argc || !environ_valid(start))
        return 0;
    size_t len = pack_strings(out + sizeof head, cap - sizeof head, start);
    memcpy(out, &head, sizeof head);
    return len ? sizeof head + len : 0;
}

bool init_exit_valid(const struct init_exit *end)
{
    switch (end->kind) {
    case INIT_EXIT_CODE:
        return end->value >= 0 && end->value <= 255;
    case INIT_EXIT_SIGNAL:
        return end->value >= 1 && end->value <= 64;
    case INIT_EXIT_NOT_STARTED:
        return end->value >= 1 && end->value <= 4095;
    default:
        return false;
    }
}

int init_exit_status(const struct init_exit *end)
{
    if (end->kind == INIT_EXIT_CODE)
        return end->value;
    if (end->kind == INIT_EXIT_SIGNAL)
        return 128 + end->value;
    return end->value == ENOENT || end->value == ENOTDIR ? 127 : 126;
}
