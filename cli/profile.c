#include "cli/profile.h"

#include "cli/cli_int.h"

#include "common/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_LEN 63
#define KEY_FILE_MAX 4096
#define ENDING       ".json"

/* An empty variable counts as not set: many people unset one that way. */
static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* a and b and c in one text; the caller's. */
static char *joined(const char *a, const char *b, const char *c)
{
    char *out = NULL;
    if (asprintf(&out, "%s%s%s", a, b, c) < 0)
        abort();
    return out;
}

/* The folder of profiles; the caller's. NULL where there is no home directory. */
static char *folder(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && config[0] == '/')
        return joined(config, "/corral/profiles", "");
    return home && home[0] == '/' ? joined(home, "/.config/corral/profiles", "") : NULL;
}

/* A name becomes a file's name, so it holds nothing else. */
static bool is_name(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strlen(name);
    if (len && len <= NAME_MAX_LEN && strspn(name, allowed) == len && name[0] != '.')
        return true;
    fprintf(stderr, "corral: the name of a profile has 1 to %d of A-Z, a-z, 0-9, \".\", \"_\" and \"-\"\n",
            NAME_MAX_LEN);
    return false;
}

const char *profile_name(const struct cli *cli)
{
    const char *given = cli_option(cli, "profile"), *set = from_environment("CORRAL_PROFILE");
    return given ? given : set ? set : "default";
}

/* The path of a profile; the caller's. NULL after printing an error. */
static char *path_of(const char *name)
{
    CLEANUP(mem_free_ptr) char *dir = folder();
    if (!dir) {
        fprintf(stderr, "corral: HOME is not set, so there is no place for profiles\n");
        return NULL;
    }
    if (!is_name(name))
        return NULL;
    CLEANUP(mem_free_ptr) char *stem = joined(dir, "/", name);
    return joined(stem, ENDING, "");
}

/* --- storing --- */

/* Creates the parent folders of a file. Errors are ignored: opening the file then fails. */
static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

/* Another command that reads the profile meanwhile sees the old one or the new one, never a part of one. */
bool profile_store(const struct cli *cli, const char *url, const char *key)
{
    CLEANUP(mem_free_ptr) char *path = path_of(profile_name(cli));
    if (!path)
        return false;
    CLEANUP(mem_free_ptr) char *fresh = joined(path, ".XXXXXX", "");
    make_folders(path);
    json_t *profile = json_pack("{s:s,s:s}", "url", url, "api_key", key);
    int fd = mkostemp(fresh, O_CLOEXEC); /* mode 0600 */
    bool good = fd >= 0 && !json_dumpfd(profile, fd, JSON_INDENT(2));
    if (fd >= 0 && close(fd))
        good = false;
    good = good && !rename(fresh, path);
    if (!good)
        fprintf(stderr, "corral: cannot write %s: %s\n", path, strerror(errno));
    if (!good && fd >= 0)
        (void)unlink(fresh);
    json_decref(profile);
    return good;
}

int profile_remove(const char *name)
{
    CLEANUP(mem_free_ptr) char *path = path_of(name);
    if (!path)
        return CLI_USAGE;
    if (!unlink(path))
        return CLI_DONE;
    fprintf(stderr, "corral: cannot remove profile %s: %s\n", name, strerror(errno));
    return CLI_REFUSED;
}

/* --- reading --- */

/* The profile, or NULL where there is none. Warns if others may read it. The caller's. */
static json_t *load(const char *path)
{
    struct stat st;
    if (!stat(path, &st) && st.st_mode & 077)
        fprintf(stderr, "corral: other users may read the key in %s; chmod 600 it\n", path);
    return json_load_file(path, 0, NULL);
}

/* Reads the first line of the file that $CORRAL_API_KEY_FILE names. */
static bool key_from_file(const char *path, char key[static KEY_FILE_MAX])
{
    FILE *in = fopen(path, "re");
    bool good = in && fgets(key, KEY_FILE_MAX, in);
    if (in)
        fclose(in);
    if (!good)
        fprintf(stderr, "corral: cannot read the API key in %s (CORRAL_API_KEY_FILE)\n", path);
    else
        key[strcspn(key, "\r\n")] = 0;
    return good;
}

/* Takes the key from the environment. False after printing an error. *found: there was one. */
static bool use_environment(struct cli *cli, bool *found)
{
    const char *url = from_environment("CORRAL_URL"), *key = from_environment("CORRAL_API_KEY"),
               *file = from_environment("CORRAL_API_KEY_FILE");
    char read_key[KEY_FILE_MAX];
    *found = key || file;
    if (!key && file) {
        if (!key_from_file(file, read_key))
            return false;
        key = read_key;
    }
    if (key)
        cli_use(cli, url ? url : PROFILE_URL, key);
    return true;
}

bool profile_use(struct cli *cli)
{
    bool found = false, named = cli_option(cli, "profile");
    if (!named && !use_environment(cli, &found))
        return false;
    if (found)
        return true;
    CLEANUP(mem_free_ptr) char *path = path_of(profile_name(cli));
    if (!path)
        return false;
    json_t *profile = load(path);
    const char *key = json_string_value(json_object_get(profile, "api_key")),
               *url = named ? NULL : from_environment("CORRAL_URL");
    if (!url)
        url = json_string_value(json_object_get(profile, "url"));
    if (key)
        cli_use(cli, url ? url : PROFILE_URL, key);
    else if (named || from_environment("CORRAL_PROFILE"))
        fprintf(stderr, "corral: there is no profile %s; corral login --profile %s stores one\n",
                profile_name(cli), profile_name(cli));
    else
        fprintf(stderr, "corral: there is no API key; run corral login, or set CORRAL_API_KEY\n");
    json_decref(profile);
    return key;
}

/* --- listing --- */

static int is_profile(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name), end = strlen(ENDING);
    return entry->d_name[0] != '.' && len > end && !strcmp(entry->d_name + len - end, ENDING);
}

json_t *profile_all(const struct cli *cli)
{
    json_t *all = json_array();
    struct dirent **entries = NULL;
    CLEANUP(mem_free_ptr) char *dir = folder();
    int count = dir ? scandir(dir, &entries, is_profile, alphasort) : 0;
    for (int i = 0; i < count; i++) {
        CLEANUP(mem_free_ptr) char *path = joined(dir, "/", entries[i]->d_name);
        json_t *profile = json_load_file(path, 0, NULL);
        const char *url = json_string_value(json_object_get(profile, "url"));
        entries[i]->d_name[strlen(entries[i]->d_name) - strlen(ENDING)] = 0;
        json_array_append_new(all, json_pack("{s:s,s:s,s:b}", "name", entries[i]->d_name, "url",
                                             url ? url : PROFILE_URL, "current",
                                             !strcmp(entries[i]->d_name, profile_name(cli))));
        json_decref(profile);
        free(entries[i]);
    }
    free(entries);
    return all;
}
