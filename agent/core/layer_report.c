#include "agent/core/layer_report_int.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The largest of what was put in, in order. */
struct top {
    uint32_t index[IMAGE_REPORT_ITEMS];
    uint64_t bytes[IMAGE_REPORT_ITEMS];
    size_t count;
};

struct making {
    const struct layer_tree *tree;
    struct image_report *report;
    uint16_t position[LAYER_SLOTS_MAX]; /* by slot: of the layer, from below */
    uint32_t *seen;                     /* by inode: the first visible name of it; LAYER_NONE: none yet */
    uint32_t *inode;                    /* visible files, each inode once */
    uint32_t inodes;
    struct layer_cached *cached;
    uint64_t copied[LAYER_SLOTS_MAX];
};

static void top_add(struct top *top, uint32_t index, uint64_t bytes)
{
    size_t at = top->count;
    for (; at && top->bytes[at - 1] < bytes; at--)
        if (at < IMAGE_REPORT_ITEMS) {
            top->index[at] = top->index[at - 1];
            top->bytes[at] = top->bytes[at - 1];
        }
    if (at == IMAGE_REPORT_ITEMS)
        return;
    top->index[at] = index;
    top->bytes[at] = bytes;
    top->count += top->count < IMAGE_REPORT_ITEMS;
}

/* The place of an entry: where a container sees it, else where its layer has it. */
static uint32_t node_of(const struct making *m, uint32_t entry)
{
    return m->seen[entry] == LAYER_NONE ? m->tree->entry[entry].node : m->seen[entry];
}

static struct image_item *add_entry(struct making *m, enum image_item_kind kind, uint32_t entry)
{
    char path[LAYER_PATH_MAX + 2];
    const struct layer_entry *e = &m->tree->entry[entry];
    struct image_item *item = image_items_add(&m->report->items[kind]);
    layer_tree_path(m->tree, node_of(m, entry), path);
    image_item_path(item, path);
    item->bytes = e->size;
    item->layer = m->position[e->slot];
    return item;
}

/* --- layers --- */

static char *text_of(char *const *texts, uint32_t i)
{
    const char *text = texts && texts[i] ? texts[i] : "";
    return mem_dup(text, strnlen(text, IMAGE_REPORT_TEXT_MAX));
}

static void list_layers(struct making *m, const struct layer_image *image)
{
    const struct layer_tree *tree = m->tree;
    m->report->layer = mem_zalloc((tree->layers + 1) * sizeof *m->report->layer);
    m->report->layers = tree->layers;
    for (uint32_t i = tree->layers; i-- > 0;) {
        const struct layer_slot *slot = &tree->slot[tree->order[i]];
        m->position[tree->order[i]] = (uint16_t)i;
        m->report->layer[i] = (struct image_layer){.digest = text_of(image->digest, i),
                                                   .command = text_of(image->command, i),
                                                   .bytes = slot->bytes,
                                                   .files = slot->files,
                                                   .removes = tree->removed[i]};
        m->report->bytes += slot->bytes;
    }
}

/* --- what is hidden --- */

/* The bytes that were copied into the later layer although the content is the same: only the owner, the mode
 * or the time was changed. */
static void note_copied(struct making *m, const struct layer_entry *hidden)
{
    const struct layer_node *node = &m->tree->node[hidden->node];
    if (node->entry == LAYER_NONE || hidden->deleted)
        return;
    const struct layer_entry *now = &m->tree->entry[node->entry];
    if (now->kind == LAYER_FILE && now->size == hidden->size &&
        !memcmp(now->content, hidden->content, sizeof now->content))
        m->copied[node->layer] += hidden->size;
}

static void list_hidden(struct making *m)
{
    struct image_items *items = &m->report->items[IMAGE_HIDDEN];
    struct top top = {.count = 0};
    for (uint32_t i = 0; i < m->tree->entries; i++) {
        const struct layer_entry *e = &m->tree->entry[i];
        if (e->kind != LAYER_FILE || e->shown || !e->size)
            continue;
        items->total++;
        items->total_bytes += e->size;
        m->report->layer[m->position[e->slot]].hidden += e->size;
        note_copied(m, e);
        top_add(&top, i, e->size);
    }
    for (size_t i = 0; i < top.count; i++) {
        const struct layer_entry *e = &m->tree->entry[top.index[i]];
        struct image_item *item = add_entry(m, IMAGE_HIDDEN, top.index[i]);
        item->by = e->hidden_by;
        item->flag = e->deleted;
    }
}

/* --- what is visible --- */

static void count_cached(struct making *m, const char *path, uint64_t bytes, uint16_t layer)
{
    int row = layer_cache_of(path);
    if (row < 0)
        return;
    m->cached[row].bytes += bytes;
    m->cached[row].files++;
    m->cached[row].by_layer[layer] += bytes;
}

static void count_visible(struct making *m)
{
    char path[LAYER_PATH_MAX + 2];
    const struct layer_tree *tree = m->tree;
    for (uint32_t i = layer_tree_next(tree, LAYER_NONE); i != LAYER_NONE; i = layer_tree_next(tree, i)) {
        uint32_t inode = tree->entry[tree->node[i].entry].inode;
        const struct layer_entry *e = &tree->entry[inode];
        m->report->visible_files++;
        if (e->kind != LAYER_FILE || m->seen[inode] != LAYER_NONE)
            continue;
        m->seen[inode] = i;
        m->inode[m->inodes++] = inode;
        m->report->visible_bytes += e->size;
        layer_tree_path(tree, i, path);
        count_cached(m, path, e->size, tree->node[i].layer);
    }
}

static void list_caches(struct making *m)
{
    struct image_items *items = &m->report->items[IMAGE_CACHE];
    struct top top = {.count = 0};
    for (size_t i = 0; i < layer_caches_count; i++)
        if (m->cached[i].bytes) {
            items->total++;
            items->total_bytes += m->cached[i].bytes;
            top_add(&top, (uint32_t)i, m->cached[i].bytes);
        }
    for (size_t i = 0; i < top.count; i++) {
        const struct layer_cache *cache = &layer_caches[top.index[i]];
        struct image_item *item = image_items_add(items);
        image_item_path(item, cache->path);
        item->text = mem_strdup(cache->what);
        item->bytes = m->cached[top.index[i]].bytes;
        item->count = m->cached[top.index[i]].files;
        item->flag = cache->rids;
    }
}

static void list_large(struct making *m)
{
    struct image_items *items = &m->report->items[IMAGE_LARGE];
    struct top top = {.count = 0};
    for (uint32_t i = 0; i < m->inodes; i++)
        top_add(&top, m->inode[i], m->tree->entry[m->inode[i]].size);
    for (size_t i = 0; i < top.count && top.bytes[i] && i < 20; i++) {
        (void)add_entry(m, IMAGE_LARGE, top.index[i]);
        items->total++;
        items->total_bytes += top.bytes[i];
    }
}

static bool gives_rights(const struct layer_entry *e)
{
    return e->kind == LAYER_FILE && (e->capable || (e->mode & 0111 && e->mode & (S_ISUID | S_ISGID)));
}

static void list_privileged(struct making *m)
{
    struct image_items *items = &m->report->items[IMAGE_PRIVILEGED];
    for (uint32_t i = 0; i < m->inodes; i++) {
        const struct layer_entry *e = &m->tree->entry[m->inode[i]];
        if (!gives_rights(e))
            continue;
        items->total++;
        items->total_bytes += e->size;
        if (items->count == IMAGE_REPORT_ITEMS)
            continue;
        struct image_item *item = add_entry(m, IMAGE_PRIVILEGED, m->inode[i]);
        item->mode = e->mode & 07777;
        item->flag = e->capable;
    }
}

/* --- the same content --- */

static int by_content(const void *a, const void *b, void *arg)
{
    const struct layer_tree *tree = arg;
    const struct layer_entry *left = &tree->entry[*(const uint32_t *)a],
                             *right = &tree->entry[*(const uint32_t *)b];
    int order = memcmp(left->content, right->content, sizeof left->content);
    if (order)
        return order;
    if (left->size != right->size)
        return left->size < right->size ? -1 : 1;
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static uint32_t run_length(const struct making *m, uint32_t first)
{
    const struct layer_entry *entry = m->tree->entry, *e = &entry[m->inode[first]];
    uint32_t n = 1;
    while (first + n < m->inodes && entry[m->inode[first + n]].size == e->size &&
           !memcmp(entry[m->inode[first + n]].content, e->content, sizeof e->content))
        n++;
    return n;
}

static void add_duplicate(struct making *m, uint32_t first)
{
    uint32_t n = run_length(m, first);
    struct image_item *item = add_entry(m, IMAGE_DUPLICATE, m->inode[first]);
    item->count = n;
    item->layer = 0;
    for (uint32_t i = 1; i < n && i < IMAGE_REPORT_PATHS; i++) {
        char path[LAYER_PATH_MAX + 2];
        layer_tree_path(m->tree, node_of(m, m->inode[first + i]), path);
        image_item_path(item, path);
    }
}

static void list_duplicates(struct making *m)
{
    struct image_items *items = &m->report->items[IMAGE_DUPLICATE];
    struct top top = {.count = 0};
    qsort_r(m->inode, m->inodes, sizeof *m->inode, by_content, (void *)(uintptr_t)m->tree);
    for (uint32_t i = 0, n; i < m->inodes; i += n) {
        uint64_t size = m->tree->entry[m->inode[i]].size;
        n = run_length(m, i);
        if (n == 1 || size < LAYER_DUPLICATE_MIN)
            continue;
        items->total++;
        items->total_bytes += size * (n - 1);
        top_add(&top, i, size * (n - 1));
    }
    for (size_t i = 0; i < top.count; i++)
        add_duplicate(m, top.index[i]);
}

void layer_report_make(const struct layer_tree *tree, const struct layer_image *image,
                       struct image_report *report)
{
    struct making m = {.tree = tree,
                       .report = report,
                       .seen = mem_zalloc((tree->entries + 1) * sizeof *m.seen),
                       .inode = mem_zalloc((tree->entries + 1) * sizeof *m.inode),
                       .cached = mem_zalloc(layer_caches_count * sizeof *m.cached)};
    memset(m.seen, 0xff, (tree->entries + 1) * sizeof *m.seen);
    list_layers(&m, image);
    list_hidden(&m);
    count_visible(&m);
    list_caches(&m);
    list_large(&m);
    list_privileged(&m);
    list_duplicates(&m);
    layer_advise(tree, image, m.cached, m.copied, report);
    free(m.seen);
    free(m.inode);
    free(m.cached);
}
