#include "agent/core/image_bounds.h"

#include "common/base/defs.h"
#include "common/base/units.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSE(why, ...) (snprintf(why, NODE_DETAIL_MAX + 1, __VA_ARGS__), false)

/* Returns the end of the path's parent: cuts the last part off, at most down to the root. */
static char *up(char *from, char *end)
{
    while (end > from && *--end != '/')
        ;
    return end;
}

void image_clean_path(char *path)
{
    char *end = path; /* end of the clean path so far, which has no trailing slash */
    for (const char *at = path; *at;) {
        size_t len = strcspn(at, "/");
        const char *part = at;
        at += len + (at[len] == '/');
        if (!len || (len == 1 && part[0] == '.'))
            continue;
        if (len == 2 && part[0] == '.' && part[1] == '.') {
            end = up(path, end);
            continue;
        }
        *end++ = '/'; /* never overtakes `at`: the part's own slash was there */
        memmove(end, part, len);
        end += len;
    }
    if (end == path)
        *end++ = '/';
    *end = 0;
}

bool image_is_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return !strncmp(path, folder, len) && (!path[len] || path[len] == '/');
}

/* The kernel refuses names longer than NAME_MAX. */
static bool has_long_name(const char *path)
{
    for (size_t len; *path; path += len + (path[len] == '/')) {
        len = strcspn(path, "/");
        if (len > NAME_MAX)
            return true;
    }
    return false;
}

static bool volume_fits(const char *path, char *why)
{
    static const char *const taken[] = {"/.corral", "/proc", "/sys"};
    char clean[IMAGE_PATH_MAX + 1];
    if (strlen(path) > IMAGE_PATH_MAX)
        return REFUSE(why, "its image declares a volume whose path is longer than %d bytes", IMAGE_PATH_MAX);
    if (*path != '/')
        return REFUSE(why, "its image declares a volume whose path is not absolute");
    if (has_long_name(path))
        return REFUSE(why, "its image declares a volume with a name in its path that is longer than %d bytes",
                      NAME_MAX);
    strcpy(clean, path);
    image_clean_path(clean);
    if (!strcmp(clean, "/"))
        return REFUSE(why, "its image declares a volume at /, which is read-only in a sandbox");
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        if (image_is_in(clean, taken[i]))
            return REFUSE(why, "its image declares a volume in %s, which is reserved", taken[i]);
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

static size_t bytes_of(const struct string_list *words)
{
    size_t bytes = 0;
    for (size_t i = 0; i < words->count; i++)
        bytes += strlen(words->item[i]) + 1;
    return bytes;
}

/* What the user adds has its own bounds; an init accepts both together. */
static bool command_fits(const struct image_facts *f, const struct image_use *use, char *why)
{
    size_t words = f->entrypoint.count + f->command.count;
    size_t bytes = bytes_of(&f->entrypoint) + bytes_of(&f->command);
    if (words + use->words == 0)
        return REFUSE(why, "its image has no command of its own that could be run");
    if (words > IMAGE_WORDS_MAX || bytes > IMAGE_WORDS_BYTES_MAX)
        return REFUSE(why, "its image's own command has %zu words of %zu bytes; at most %d of %u are run",
                      words, bytes, IMAGE_WORDS_MAX, IMAGE_WORDS_BYTES_MAX);
    if (f->working_dir_long)
        return REFUSE(why, "its image's working folder has a path longer than %d bytes", IMAGE_PATH_MAX);
    if (f->working_dir[0] && f->working_dir[0] != '/')
        return REFUSE(why, "its image's working folder has a path that is not absolute");
    if (has_long_name(f->working_dir))
        return REFUSE(why, "its image's working folder has a name in its path that is longer than %d bytes",
                      NAME_MAX);
    return true;
}

/* 64-bit processors that also run 32-bit programs of their older architecture. */
static bool is_narrower(const char *built_for, const char *host)
{
    static const char *const also[][2] = {{"386", "amd64"}, {"arm", "arm64"}};
    for (size_t i = 0; i < ARRAY_LEN(also); i++) {
        if (!strcmp(built_for, also[i][0]) && !strcmp(host, also[i][1]))
            return true;
    }
    return false;
}

/* A platform that the image or Docker does not name is accepted. */
static bool platform_fits(const struct image_facts *f, const struct image_use *use, char *why)
{
    const char *host = use->arch;
    if (f->os[0] && strcmp(f->os, "linux"))
        return REFUSE(why, "its image is for %s, and nodes are Linux", f->os);
    if (!f->arch[0] || !host[0] || !strcmp(f->arch, host))
        return true;
    if (!is_narrower(f->arch, host))
        return REFUSE(why, "its image is for processors of %s, and its node's is of %s", f->arch, host);
    if (!use->narrow_calls)
        return REFUSE(why, "its image is for processors of %s, and sandboxes have no system calls of 32 bits",
                      f->arch);
    return true;
}

bool image_fits(const struct image_facts *f, const struct image_use *use,
                char why[static NODE_DETAIL_MAX + 1])
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
        return REFUSE(why, "its image has a label that begins with corral., a prefix that is Corral's own");
    return platform_fits(f, use, why) && volumes_fit(&f->volumes, why) &&
           (!use->own_command || command_fits(f, use, why));
}

static bool stands_before(const struct string_list *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(list->item[i], text))
            return true;
    }
    return false;
}

void image_tidy(struct image_facts *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->volumes.count; i++) {
        char *path = f->volumes.item[i];
        image_clean_path(path);
        if (stands_before(&f->volumes, kept, path))
            free(path);
        else
            f->volumes.item[kept++] = path;
    }
    f->volumes.count = kept;
    if (f->working_dir[0] == '/') /* a relative one is refused or unused */
        image_clean_path(f->working_dir);
}

bool image_size_fits(uint64_t bytes, uint64_t most, char why[static NODE_DETAIL_MAX + 1])
{
    char text[32];
    if (!most || bytes <= most)
        return true;
    units_format_bytes(most, text, sizeof text);
    return REFUSE(why, "its image is larger than %s, which is the most that its node pulls", text);
}

bool image_has_room(uint64_t free_bytes, uint64_t least, char why[static NODE_DETAIL_MAX + 1])
{
    if (free_bytes >= least)
        return true;
    return REFUSE(why, "its node has too little free disk to pull its image: %llu bytes of it are kept free",
                  (unsigned long long)least);
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
