/*
 * The dashboard's files in memory, and how a request for one of them is answered. Files are read once, from a
 * folder that `meson install` or deploy/quickstart filled; what a client sends never becomes a path of the
 * host.
 *
 * Two kinds of paths: "/" is index.html, which a browser asks for again each time (ETag), and
 * "/ui/VERSION/NAME" is any other file, which it may keep for ever: VERSION is made of all files' contents,
 * and stands in index.html in place of the word WEB_VERSION_MARK. Relative imports of modules keep the
 * version.
 */
#ifndef CORRAL_CONTROLLER_WEB_WEB_SITE_H
#define CORRAL_CONTROLLER_WEB_WEB_SITE_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define WEB_FILES_MAX      128       /* files of a site */
#define WEB_FILE_BYTES_MAX (1 << 20) /* of one file */
#define WEB_BYTES_MAX      (8 << 20) /* of all */
#define WEB_NAME_MAX       127       /* characters of a file's name, with its folders */
#define WEB_VERSION_LEN    16
#define WEB_VERSION_MARK   "{{version}}"

struct web_site;

/*
 * Reads the folder and its folders: regular files with a known suffix, and names of letters, digits, '.', '_'
 * and '-' that do not begin with a dot; all others are left out. Blocks: call it before the loop runs. The
 * caller frees *out. ERR_CONFIG, with the file, past a bound; ERR_NOT_FOUND where there is no index.html.
 */
int web_site_load(struct web_site **out, const char *dir, struct err *e) MUST_CHECK;
void web_site_free(struct web_site *site);

const char *web_site_version(const struct web_site *site);

/* Of a request; header values are NULL where there is none. */
struct web_request {
    const char *method, *path, *accept_encoding, *if_none_match;
};

#define WEB_HEADERS_MAX 1024

/* body is the site's or static, and valid as long as the site. headers: lines "Name: value\r\n". */
struct web_answer {
    int status;
    const char *type; /* NULL where there is no body */
    char headers[WEB_HEADERS_MAX];
    const void *body;
    size_t len;
};

/*
 * Answers a request for a path that no route of the API has. site NULL: none is installed; "/" then says so.
 * False: the path is not the dashboard's either. Pure.
 */
bool web_site_answer(const struct web_site *site, const struct web_request *request, struct web_answer *out);

#endif
