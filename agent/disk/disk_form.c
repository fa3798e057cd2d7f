#include "agent/disk/disk_form.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void disk_forms_init(struct disk_forms *forms)
{
    memset(forms, 0, sizeof *forms);
    pthread_mutex_init(&forms->lock, NULL);
}

void disk_forms_fini(struct disk_forms *forms)
{
    for (unsigned i = 0; i < DISK_FORMS; i++) {
        if (forms->form[i].size)
            close(forms->form[i].file);
    }
    pthread_mutex_destroy(&forms->lock);
}

static bool copy_extent(int from, int to, off_t at, off_t end)
{
    while (at < end) {
        off_t read_at = at, write_at = at;
        ssize_t n = copy_file_range(from, &read_at, to, &write_at, (size_t)(end - at), 0);
        if (n <= 0)
            return false;
        at += n;
    }
    return true;
}

/* Copies what is in the file, without its holes. */
static bool copy_sparse(int from, int to, uint64_t size)
{
    uint64_t copied = 0;
    for (off_t at = 0, end; (uint64_t)at < size; at = end) {
        at = lseek(from, at, SEEK_DATA);
        if (at < 0)
            return errno == ENXIO; /* no more */
        end = lseek(from, at, SEEK_HOLE);
        copied += end > at ? (uint64_t)(end - at) : 0;
        if (end < 0 || copied > DISK_FORM_MOST || !copy_extent(from, to, at, end))
            return false;
    }
    return true;
}

static const struct disk_form *find(const struct disk_forms *forms, uint64_t size)
{
    for (unsigned i = 0; i < DISK_FORMS; i++) {
        if (forms->form[i].size == size)
            return &forms->form[i];
    }
    return NULL;
}

bool disk_forms_copy(struct disk_forms *forms, uint64_t size, int to)
{
    pthread_mutex_lock(&forms->lock);
    const struct disk_form *form = find(forms, size);
    bool copied = form && copy_sparse(form->file, to, size);
    pthread_mutex_unlock(&forms->lock);
    return copied;
}

static void put(struct disk_forms *forms, uint64_t size, int file)
{
    struct disk_form *form = &forms->form[forms->next++ % DISK_FORMS];
    if (form->size)
        close(form->file);
    *form = (struct disk_form){size, file};
}

void disk_forms_keep(struct disk_forms *forms, uint64_t size, int from, const char *dir)
{
    int file = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0)
        return;
    pthread_mutex_lock(&forms->lock);
    if (!find(forms, size) && !ftruncate(file, (off_t)size) && copy_sparse(from, file, size)) {
        put(forms, size, file);
        file = -1;
    }
    pthread_mutex_unlock(&forms->lock);
    if (file >= 0)
        close(file);
}
