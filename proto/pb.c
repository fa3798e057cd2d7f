#include "proto/pb.h"

#include "common/base/mem.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct pb_block {
    struct pb_block *next;
    max_align_t data[];
};

void *pb_alloc(struct pb_arena *arena, size_t count, size_t size)
{
    struct pb_block *block = mem_zalloc(sizeof *block + count * size);
    block->next = arena->head;
    arena->head = block;
    return block->data;
}

void pb_arena_fini(struct pb_arena *arena)
{
    while (arena->head) {
        struct pb_block *next = arena->head->next;
        free(arena->head);
        arena->head = next;
    }
}

/*
 * The allocator of one unpacking. Memory that the unpacking frees, such as its lists of members, can be used
 * again.
 */
struct budget {
    size_t left;
};

static void *budget_alloc(void *data, size_t size)
{
    struct budget *budget = data;
    void *p = size <= budget->left ? malloc(size) : NULL;
    size_t taken = p ? malloc_usable_size(p) : 0;
    budget->left -= taken < budget->left ? taken : budget->left;
    return p;
}

static void budget_free(void *data, void *p)
{
    struct budget *budget = data;
    budget->left += malloc_usable_size(p);
    free(p);
}

ProtobufCMessage *pb_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
                            size_t max)
{
    struct budget left = {PB_MEMORY_BASE + PB_MEMORY_FACTOR * len};
    ProtobufCAllocator budget = {.alloc = budget_alloc, .free = budget_free, .allocator_data = &left};
    if (len > max)
        return NULL;
    return protobuf_c_message_unpack(descriptor, &budget, len, bytes);
}

int pb_pack(const ProtobufCMessage *message, size_t max, uint8_t **out, size_t *len, struct err *err)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > max)
        return err_set(err, ERR_INVALID, "the message has %zu bytes; the maximum is %zu", size, max);
    *out = mem_zalloc(size);
    *len = protobuf_c_message_pack(message, *out);
    return 0;
}

/* The length of the UTF-8 character at p, 0 where it is not valid (RFC 3629, table 3-7 of Unicode). */
static size_t utf8_len(const unsigned char *p)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (len == 1)
        return p[0] >= 0x20 && p[0] != 0x7f;
    if (len == 4 && (p[0] < 0xf0 || p[0] > 0xf4))
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool outside = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
                   (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return outside ? 0 : len;
}

bool pb_text_clean(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        size_t len = utf8_len(p);
        if (!len)
            return false;
        p += len;
    }
    return true;
}

bool pb_text(char *out, size_t out_size, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len >= out_size || (len && !pb_text_clean(text)))
        return false;
    memset(out, 0, out_size);
    if (len)
        memcpy(out, text, len);
    return true;
}

bool pb_sentence(char *out, size_t out_size, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len >= out_size)
        return false;
    memset(out, 0, out_size);
    for (size_t i = 0; i < len;) {
        size_t n = utf8_len((const unsigned char *)text + i);
        if (n)
            memcpy(out + i, text + i, n);
        else
            out[i] = '?';
        i += n ? n : 1;
    }
    return true;
}

bool pb_list_check(char *const *item, size_t count, size_t count_max, size_t len_max)
{
    if (count > count_max)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!item[i] || strlen(item[i]) > len_max)
            return false;
    return true;
}

bool pb_list_copy(struct string_list *out, char *const *item, size_t count, size_t count_max, size_t len_max)
{
    if (!pb_list_check(item, count, count_max, len_max))
        return false;
    for (size_t i = 0; i < count; i++)
        string_list_add(out, item[i]);
    return true;
}
