/*
 * Shared by the codecs: memory for packing that is freed all at once, bounded memory for unpacking, and
 * checked copies between protobuf's strings and ours. Only for the .c files of this folder.
 */
#ifndef CORRAL_PROTO_PB_H
#define CORRAL_PROTO_PB_H

#include "common/base/err.h"
#include "common/model/sandbox_spec.h"

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* Many small allocations that are freed together. All zero at first. */
struct pb_arena {
    struct pb_block *head;
};

/* Zeroed memory that lives until pb_arena_fini. Never NULL. */
void *pb_alloc(struct pb_arena *arena, size_t count, size_t size);
void pb_arena_fini(struct pb_arena *arena);

/*
 * Unpacks at most max bytes; NULL where they do not parse. Bytes can require far more memory than their
 * number (a million empty items of 200 bytes each), so memory in use is limited to PB_MEMORY_BASE +
 * PB_MEMORY_FACTOR times len: enough for each message at its bounds, with its smallest and its largest items
 * (tests/unit/test_node_maxima.c). The caller frees the result with protobuf_c_message_free_unpacked(message,
 * NULL).
 */
#define PB_MEMORY_BASE   ((size_t)256 * 1024)
#define PB_MEMORY_FACTOR 8 /* times the bytes of the message */
ProtobufCMessage *pb_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
                            size_t max);

/* Packs into memory that the caller frees. ERR_INVALID for more than max bytes. */
int pb_pack(const ProtobufCMessage *message, size_t max, uint8_t **out, size_t *len,
            struct err *err) MUST_CHECK;

/* Copies text (NULL counts as "") into out; false where it does not fit or is not clean (pb_text_clean). */
bool pb_text(char *out, size_t out_size, const char *text);

/* As pb_text, but replaces what is not clean with '?'; false only where it does not fit. */
bool pb_sentence(char *out, size_t out_size, const char *text);

/* Whether text is UTF-8 without control characters. */
bool pb_text_clean(const char *text);

/*
 * check: whether a list keeps its bounds and has no NULL item. copy: checks and copies. Packing borrows the
 * strings.
 */
bool pb_list_check(char *const *item, size_t count, size_t count_max, size_t len_max);
bool pb_list_copy(struct string_list *out, char *const *item, size_t count, size_t count_max, size_t len_max);

#endif
