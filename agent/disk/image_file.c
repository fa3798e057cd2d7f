#include "agent/disk/image_file.h"

#include "common/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1u << 20)

int image_file_load(const char *path, struct image_memory *memory, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? 0 : err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    CLEANUP(mem_free_ptr) char *text = mem_zalloc(FILE_MAX + 1);
    text[fread(text, 1, FILE_MAX, f)] = 0;
    fclose(f);
    return image_memory_parse(text, memory, e);
}

/* Without fsync: a crash of the host loses at most a use, or an image that is then never removed. */
int image_file_save(const char *path, const char *text, struct err *e)
{
    char temporary[512];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *f = fopen(temporary, "we");
    bool good = f && fputs(text, f) >= 0;
    if (f && fclose(f))
        good = false;
    if (!good || rename(temporary, path))
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    return 0;
}
