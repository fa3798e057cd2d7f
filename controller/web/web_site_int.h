/* The files of a site, as they are read and answered. Private to controller/web/. */
#ifndef CORRAL_CONTROLLER_WEB_WEB_SITE_INT_H
#define CORRAL_CONTROLLER_WEB_WEB_SITE_INT_H

#include "controller/web/web_site.h"

#define WEB_ETAG_LEN 32

struct web_file {
    char name[WEB_NAME_MAX + 1]; /* below the folder, such as views/login.js */
    const char *type;
    char *plain, *packed; /* packed: gzip; NULL where that is no shorter */
    size_t plain_len, packed_len;
    char etag[WEB_ETAG_LEN + 1]; /* without quotes; of the plain bytes */
};

struct web_site {
    struct web_file files[WEB_FILES_MAX]; /* in the order of their names */
    size_t count, bytes;
    char version[WEB_VERSION_LEN + 1];
};

/* web_files.c: the type of a file with this name; NULL: such a file is not served. Static. */
const char *web_type_of(const char *name);

/* web_files.c: the file of this name; NULL: there is none. */
const struct web_file *web_file_find(const struct web_site *site, const char *name);

#endif
