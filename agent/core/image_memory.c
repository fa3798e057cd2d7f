#include "agent/core/image_memory.h"

#include "common/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "corral-images 1\n"

void image_memory_fini(struct image_memory *memory)
{
    free(memory->item);
    *memory = (struct image_memory){0};
}

static struct image_entry *find(const struct image_memory *memory, const char *ref)
{
    for (size_t i = 0; i < memory->count; i++) {
        if (!strcmp(memory->item[i].ref, ref))
            return &memory->item[i];
    }
    return NULL;
}

const struct image_entry *image_memory_find(const struct image_memory *memory, const char *ref)
{
    return find(memory, ref);
}

static bool is_word(const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1);
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] == 0x7f)
            return false;
    }
    return len && len <= max;
}

static void drop(struct image_memory *memory, struct image_entry *entry)
{
    *entry = memory->item[--memory->count];
}

static struct image_entry *add(struct image_memory *memory)
{
    struct image_entry *oldest = memory->item;
    for (size_t i = 1; i < memory->count; i++) {
        if (memory->item[i].used_ms < oldest->used_ms)
            oldest = &memory->item[i];
    }
    if (memory->count == IMAGE_MEMORY_MAX)
        return oldest;
    memory->item = mem_grow(memory->item, memory->count + 1, sizeof *memory->item);
    return &memory->item[memory->count++];
}

void image_memory_pulled(struct image_memory *memory, uint64_t now, const char *ref, const char *id)
{
    if (!is_word(ref, IMAGE_NAME_MAX) || !is_word(id, IMAGE_ID_MAX))
        return;
    struct image_entry *entry = find(memory, ref);
    if (!entry)
        entry = add(memory);
    *entry = (struct image_entry){.used_ms = now};
    strcpy(entry->ref, ref);
    strcpy(entry->id, id);
}

bool image_memory_used(struct image_memory *memory, uint64_t now, const char *ref)
{
    struct image_entry *entry = find(memory, ref);
    /* If the clock was set back, the image counts as used now. */
    if (!entry || (now >= entry->used_ms && now - entry->used_ms < IMAGE_NOTE_MS))
        return false;
    entry->used_ms = now;
    return true;
}

void image_memory_forget(struct image_memory *memory, const char *ref)
{
    struct image_entry *entry = find(memory, ref);
    if (entry)
        drop(memory, entry);
}

bool image_entry_due(const struct image_entry *entry, uint64_t now, uint64_t keep_ms)
{
    return now > entry->used_ms && now - entry->used_ms >= keep_ms;
}

char *image_memory_format(const struct image_memory *memory)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        abort();
    fputs(HEAD, out);
    for (size_t i = 0; i < memory->count; i++)
        fprintf(out, "%" PRIu64 " %s %s\n", memory->item[i].used_ms, memory->item[i].id, memory->item[i].ref);
    fclose(out);
    return text;
}

static bool line_take(struct image_memory *memory, const char *line, size_t len)
{
    char ref[IMAGE_NAME_MAX + 2] = "", id[IMAGE_ID_MAX + 2] = "";
    int end = 0;
    uint64_t used;
    char *copy = mem_dup(line, len);
    bool good = sscanf(copy, "%" SCNu64 " %80s %513s%n", &used, id, ref, &end) == 3 && (size_t)end == len;
    free(copy);
    if (good)
        image_memory_pulled(memory, used, ref, id);
    return good && find(memory, ref);
}

int image_memory_parse(const char *text, struct image_memory *memory, struct err *e)
{
    bool good = !strncmp(text, HEAD, sizeof HEAD - 1);
    for (const char *line = text + sizeof HEAD - 1; good && *line;) {
        size_t len = strcspn(line, "\n");
        good = line[len] == '\n' && line_take(memory, line, len);
        line += len + 1;
    }
    if (good)
        return 0;
    image_memory_fini(memory);
    return err_set(e, ERR_PROTOCOL, "it is incomplete, or not a list of images");
}
