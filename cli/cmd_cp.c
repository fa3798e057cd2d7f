/* corral cp: files and folders into a sandbox, and out of one. */
#include "cli/cp.h"
#include "cli/lookup.h"
#include "cli/transfer.h"
#include "cli/verbs.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct opt options[] = {
    {"admin-access", 0, OPT_FLAG, NULL, NULL, ADMIN_ACCESS_HELP},
    {"auto-resume", 0, OPT_FLAG, NULL, NULL, AUTO_RESUME_HELP},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* The colon of SANDBOX:PATH; NULL: it is a path of this machine, as all are that begin with "/" or ".". */
static const char *colon_of(const char *text)
{
    return text[0] == '/' || text[0] == '.' ? NULL : strchr(text, ':');
}

static bool is_folder(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool ends_with_slash(const char *path)
{
    size_t n = strlen(path);
    return n && path[n - 1] == '/';
}

/* "a/." means what is in a, and not a itself; so does "." and the root. */
static bool means_content(const char *path)
{
    size_t n = strlen(path);
    return !path[strspn(path, "/")] || !strcmp(path, ".") || (n > 1 && !strcmp(path + n - 2, "/."));
}

/* The last part of a path. The caller's. */
static char *base_of(const char *path)
{
    size_t end = strlen(path);
    while (end && path[end - 1] == '/')
        end--;
    size_t from = end;
    while (from && path[from - 1] != '/')
        from--;
    return mem_dup(path + from, end - from);
}

/* "..", whose own name is not known. */
static bool means_parent(const char *path)
{
    CLEANUP(mem_free_ptr) char *base = base_of(path);
    return !strcmp(base, "..");
}

/* folder/base of path, which is no parent. The caller's. */
static char *below(const char *folder, const char *path)
{
    char *out = NULL;
    CLEANUP(mem_free_ptr) char *base = base_of(path);
    if (asprintf(&out, "%s%s%s", folder, ends_with_slash(folder) ? "" : "/", base) < 0)
        abort();
    return out;
}

static int refuse(const char *path, const char *why)
{
    fprintf(stderr, "corral: %s %s\n", path, why);
    return CLI_REFUSED;
}

static int look(struct cli *cli, const struct cp_place *place, char type[static 16])
{
    CLEANUP(mem_free_ptr) char *url = cp_url(place, "files", "");
    return transfer_look(cli, url, type);
}

/* --- into a sandbox --- */

static int copy_in(struct cli *cli, const char *from, struct cp_place *to)
{
    char type[16];
    CLEANUP(mem_free_ptr) char *real = NULL, *path = NULL;
    if (!strcmp(from, "-"))
        return cp_in_archive(cli, to);
    if (!(real = realpath(from, NULL))) {
        struct stat st;
        if (stat(from, &st)) /* of a pipe, such as <(command), there is no path */
            return refuse(from, "cannot be found");
        real = mem_strdup(from);
    }
    bool folder = is_folder(real);
    if (!folder && ends_with_slash(from))
        return refuse(from, "is no folder");
    int rc = look(cli, to, type);
    if (rc)
        return rc;
    if (folder && !strcmp(type, "file"))
        return refuse(to->path, "is a file in the sandbox, so a folder cannot go there");
    if (!folder && !strcmp(type, "") && ends_with_slash(to->path))
        return refuse(to->path, "is no folder in the sandbox");
    bool named = !ends_with_slash(from) && !means_content(from) && !means_parent(from);
    if (!strcmp(type, "directory") && !(folder && means_content(from)))
        to->path = path = below(to->path, named ? from : real);
    return folder ? cp_in_folder(cli, from, to) : cp_in_file(cli, from, to);
}

/* --- out of a sandbox --- */

static int copy_folder_out(struct cli *cli, const struct cp_place *from, const char *to)
{
    struct stat st;
    CLEANUP(mem_free_ptr) char *path = NULL;
    bool there = !stat(to, &st);
    if (there && !S_ISDIR(st.st_mode))
        return refuse(to, "is no folder, so a folder cannot go there");
    if (there && !means_content(from->path) && !means_parent(from->path))
        to = path = below(to, from->path);
    return cp_out_folder(cli, from, to);
}

static int copy_out(struct cli *cli, const struct cp_place *from, const char *to)
{
    char type[16];
    CLEANUP(mem_free_ptr) char *path = NULL;
    if (!strcmp(to, "-") && isatty(STDOUT_FILENO))
        return cli_usage(cli, "an archive is not written to a terminal; redirect it");
    if (!strcmp(to, "-"))
        return cp_out_archive(cli, from);
    int rc = look(cli, from, type);
    if (rc)
        return rc;
    if (!strcmp(type, "directory"))
        return copy_folder_out(cli, from, to);
    if (is_folder(to))
        to = path = below(to, from->path);
    else if (ends_with_slash(to))
        return refuse(to, "is no folder");
    return cp_out_file(cli, from, to); /* also of what there is not: the server says why */
}

/* Names a path in the sandbox; a relative one begins in /workspace, where commands run. */
static int find_place(struct cli *cli, const char *text, struct cp_place *place, char **id, char **path)
{
    const char *colon = colon_of(text);
    CLEANUP(mem_free_ptr) char *name = mem_dup(text, (size_t)(colon - text));
    if (asprintf(path, "%s%s", colon[1] == '/' ? "" : "/workspace/", colon + 1) < 0)
        abort();
    int rc = lookup_sandbox(cli, name, id);
    *place = (struct cp_place){.id = *id,
                               .path = *path,
                               .admin_access = cli_option(cli, "admin-access"),
                               .auto_resume = cli_option(cli, "auto-resume")};
    return rc;
}

static int cp(struct cli *cli, int argc, char **argv)
{
    struct cp_place place;
    CLEANUP(mem_free_ptr) char *id = NULL, *path = NULL;
    bool from = colon_of(argv[0]), to = colon_of(argv[1]);
    if (from == to)
        return cli_usage(cli, from ? "only one of SRC and DST may be in a sandbox"
                                   : "SRC or DST must be in a sandbox: SANDBOX:PATH");
    int rc = find_place(cli, argv[from ? 0 : 1], &place, &id, &path);
    if (rc)
        return rc;
    return from ? copy_out(cli, &place, argv[1]) : copy_in(cli, argv[0], &place);
}

const struct command cmd_cp = {
    .name = "cp",
    .args = "SRC DST",
    .help =
        "Copies files and folders into a sandbox (SANDBOX:PATH) or out of it; - is a tar archive on standard "
        "input or output.",
    .options = options,
    .least = 2,
    .most = 2,
    .run = cp,
};
