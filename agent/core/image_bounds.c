#include "agent/core/image_bounds.h"

#include "common/defs.h"
#include "common/units.h"

#include <stdio.h>
#include <string.h>

#define REFUSE(why, ...) (snprintf(why, NODE_DETAIL_MAX + 1, __VA_ARGS__), false)

static size_t without_slashes(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    return len;
}

bool image_same_folder(const char *a, const char *b)
{
    size_t len = without_slashes(a);
    return len == without_slashes(b) && !memcmp(a, b, len);
}

static bool is_dots(const char *part, size_t len)
{
    return len && len <= 2 && strspn(part, ".") >= len;
}

/* What Docker would not take for the same path as we do is none that it mounts over. */
static bool is_plain(const char *path)
{
    const char *at = path;
    if (*at != '/')
        return false;
    for (;;) {
        size_t len = strcspn(++at, "/");
        if (is_dots(at, len))
            return false;
        if (!len || !at[len])
            return !at[strspn(at + len, "/") + len]; /* slashes at its end are none of its parts */
        at += len;
    }
}

static bool is_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return !strncmp(path, folder, len) && (!path[len] || path[len] == '/');
}

static bool volume_fits(const char *path, char *why)
{
    static const char *const taken[] = {"/.corral", "/proc", "/sys"};
    if (strlen(path) > IMAGE_PATH_MAX)
        return REFUSE(why, "its image declares a volume whose path is longer than %d bytes", IMAGE_PATH_MAX);
    if (!is_plain(path))
        return REFUSE(why,
                      "its image declares a volume whose path is not absolute, or has empty parts, . or ..");
    if (image_same_folder(path, "/"))
        return REFUSE(why, "its image declares a volume at /, which is read-only in a sandbox");
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        if (is_in(path, taken[i]))
            return REFUSE(why, "its image declares a volume in %s, which is not its to have", taken[i]);
    }
    return true;
}

static bool volumes_fit(const struct string_list *volumes, char *why)
{
    if (volumes->count > IMAGE_VOLUMES_MAX)
        return REFUSE(why, "its image declares %zu volumes; at most %d can be on a sandbox's disk",
                      volumes->count, IMAGE_VOLUMES_MAX);
    for (size_t i = 0; i < volumes->count; i++) {
        if (!volume_fits(volumes->item[i], why))
            return false;
    }
    return true;
}

static bool command_fits(const struct image_facts *f, char *why)
{
    size_t words = f->entrypoint.count + f->command.count;
    if (words > IMAGE_WORDS_MAX)
        return REFUSE(why, "its image's own command has %zu words; at most %d are run", words,
                      IMAGE_WORDS_MAX);
    if (f->working_dir_long)
        return REFUSE(why, "its image's working folder has a path longer than %d bytes", IMAGE_PATH_MAX);
    return true;
}

bool image_fits(const struct image_facts *f, bool uses_command, char why[static NODE_DETAIL_MAX + 1])
{
    if (f->env_count > IMAGE_ENV_MAX || f->env_bytes > IMAGE_ENV_BYTES_MAX)
        return REFUSE(why, "its image sets %zu variables of %zu bytes; at most %d of %u bytes are taken",
                      f->env_count, f->env_bytes, IMAGE_ENV_MAX, IMAGE_ENV_BYTES_MAX);
    if (f->label_bytes > IMAGE_LABEL_BYTES_MAX)
        return REFUSE(why, "its image has labels of %zu bytes; at most %u are taken", f->label_bytes,
                      IMAGE_LABEL_BYTES_MAX);
    if (f->port_count > IMAGE_PORTS_MAX)
        return REFUSE(why, "its image exposes %zu ports; at most %d are taken", f->port_count,
                      IMAGE_PORTS_MAX);
    if (f->has_own_label)
        return REFUSE(why, "its image has a label that begins with corral., which are Corral's own");
    return volumes_fit(&f->volumes, why) && (!uses_command || command_fits(f, why));
}

bool image_size_fits(uint64_t bytes, uint64_t most, char why[static NODE_DETAIL_MAX + 1])
{
    char text[32];
    if (!most || bytes <= most)
        return true;
    units_format_bytes(most, text, sizeof text);
    return REFUSE(why, "its image is larger than %s, which is the most that its host pulls", text);
}

bool image_has_room(uint64_t free_bytes, uint64_t least, char why[static NODE_DETAIL_MAX + 1])
{
    if (free_bytes >= least)
        return true;
    return REFUSE(why,
                  "its host has too little free disk to pull its image: %llu bytes, of which %llu are kept",
                  (unsigned long long)free_bytes, (unsigned long long)least);
}

bool image_has_name(const struct string_list *names, const struct image_ref *ref)
{
    char full[IMAGE_REF_FULL_MAX], familiar[IMAGE_REF_FULL_MAX];
    image_ref_full(ref, full);
    image_ref_familiar(ref, familiar);
    for (size_t i = 0; i < names->count; i++) {
        if (!strcmp(names->item[i], full) || !strcmp(names->item[i], familiar))
            return true;
    }
    return false;
}
