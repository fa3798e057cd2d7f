#include "cli/image_progress.h"

#include "cli/text.h"

#include "common/base/mem.h"
#include "common/base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR      24
#define ROWS_MAX 20

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static uint64_t bytes_in(const json_t *object, const char *name)
{
    json_int_t bytes = json_integer_value(json_object_get(object, name));
    return bytes > 0 ? (uint64_t)bytes : 0;
}

/* What a node or a registry calls something, made safe to print. The caller's. */
static char *safe(const json_t *object, const char *name)
{
    return text_show_only(mem_strdup(text_in(object, name)));
}

static void draw(struct image_progress *p, const char *indent, const char *name, const char *state,
                 uint64_t done, uint64_t total)
{
    char bar[BAR + 1] = "", size[32] = "", whole[32];
    int full = total ? (int)((double)(done < total ? done : total) / (double)total * BAR) : 0;
    if (p->rows == ROWS_MAX)
        return;
    memset(bar, '#', (size_t)full);
    units_format_bytes(done, size, sizeof size);
    units_format_bytes(total, whole, sizeof whole);
    if (total)
        fprintf(stderr, "%s%-16.16s [%-*s] %s of %s\033[K\n", indent, name, BAR, bar, size, whole);
    else
        fprintf(stderr, "%s%-16.16s %s\033[K\n", indent, name, state);
    p->rows++;
}

static void draw_node(struct image_progress *p, const json_t *node)
{
    size_t i;
    json_t *layer;
    CLEANUP(mem_free_ptr) char *name = safe(node, "node");
    const char *state = text_in(node, "state");
    bool pulls = !strcmp(state, "pulling");
    draw(p, "", name, state, bytes_in(node, "done_bytes"), pulls ? bytes_in(node, "total_bytes") : 0);
    json_array_foreach(json_object_get(node, "layers"), i, layer)
    {
        CLEANUP(mem_free_ptr) char *id = safe(layer, "id");
        CLEANUP(mem_free_ptr) char *layer_state = safe(layer, "state");
        if (pulls && strcmp(layer_state, "done"))
            draw(p, "  ", id, layer_state, bytes_in(layer, "done_bytes"), bytes_in(layer, "total_bytes"));
    }
}

static void tell_node(struct image_progress *p, const json_t *node)
{
    CLEANUP(mem_free_ptr) char *name = safe(node, "node");
    CLEANUP(mem_free_ptr) char *problem = safe(node, "problem");
    const char *state = text_in(node, "state");
    if (!strcmp(text_in(p->told, name), state))
        return;
    fprintf(stderr, "%s: %s%s%s\n", name, state, problem[0] ? ": " : "", problem);
    json_object_set_new(p->told, name, json_string(state));
}

void image_progress_begin(struct image_progress *p, const struct cli *cli)
{
    *p = (struct image_progress){.silent = cli_is_quiet(cli), .told = json_object()};
    p->draws = isatty(STDERR_FILENO) && !cli_wants_json(cli);
}

bool image_progress_show(struct image_progress *p, const json_t *image)
{
    size_t i;
    json_t *node;
    bool goes_on = false;
    if (p->draws && !p->silent && p->rows)
        fprintf(stderr, "\033[%uA", p->rows);
    p->rows = 0;
    p->failed = false;
    json_array_foreach(json_object_get(image, "nodes"), i, node)
    {
        const char *state = text_in(node, "state");
        goes_on |= !strcmp(state, "waiting") || !strcmp(state, "pulling");
        p->failed |= !strcmp(state, "failed");
        if (p->draws && !p->silent)
            draw_node(p, node);
        else if (!p->silent)
            tell_node(p, node);
    }
    if (p->draws && !p->silent)
        fputs("\033[J", stderr);
    return goes_on;
}

void image_progress_end(struct image_progress *p)
{
    json_decref(p->told);
}
