/* The only file that talks to the server. */
#include "cli/cli_int.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_URL  "http://127.0.0.1:3000"
#define ANSWER_MAX   (64u << 20)
#define TIME_OUT_S   90L /* a wait on the server takes up to 60 s */
#define KEY_FILE_MAX 4096

/* --- server and API key --- */

/* Removes white space at the end, such as the line end (\n or \r\n) of a file or variable. */
static void trim(char *text)
{
    for (size_t n = strlen(text); n && strchr(" \t\r\n", text[n - 1]);)
        text[--n] = 0;
}

void cli_use(struct cli *cli, const char *url, const char *key)
{
    char *new_url = mem_strdup(url), *new_key = mem_strdup(key);
    free(cli->url);
    free(cli->key);
    cli->url = new_url;
    cli->key = new_key;
    trim(new_url);
    trim(new_key);
    for (size_t n = strlen(new_url); n && new_url[n - 1] == '/';)
        new_url[--n] = 0;
}

const char *cli_url(const struct cli *cli)
{
    return cli->url;
}

void cli_prefer_async(struct cli *cli)
{
    cli->async = true;
}

/* An empty variable counts as not set: many people unset one that way. */
static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* The path of the login file; the caller's. NULL where there is no home directory. */
static char *login_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int rc = 0;
    if (config && config[0] == '/')
        rc = asprintf(&path, "%s/corral/login.json", config);
    else if (home && home[0] == '/')
        rc = asprintf(&path, "%s/.config/corral/login.json", home);
    if (rc < 0)
        abort();
    return path;
}

/* Creates the parent folders of a file. Errors are ignored: opening the file then fails. */
static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

bool cli_store_login(const char *url, const char *key)
{
    CLEANUP(mem_free_ptr) char *path = login_path();
    if (!path) {
        fprintf(stderr, "corral: HOME is not set, so the login cannot be stored\n");
        return false;
    }
    make_folders(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    json_t *login = json_pack("{s:s,s:s}", "url", url, "api_key", key);
    bool good = fd >= 0 && !fchmod(fd, 0600) && !json_dumpfd(login, fd, JSON_INDENT(2));
    if (fd >= 0 && close(fd))
        good = false;
    json_decref(login);
    if (!good)
        fprintf(stderr, "corral: cannot write %s: %s\n", path, strerror(errno));
    return good;
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

bool cli_find_login(struct cli *cli)
{
    const char *url = from_environment("CORRAL_URL"), *key = from_environment("CORRAL_API_KEY"),
               *file = from_environment("CORRAL_API_KEY_FILE");
    char read_key[KEY_FILE_MAX];
    CLEANUP(mem_free_ptr) char *path = login_path();
    json_t *login = path ? json_load_file(path, 0, NULL) : NULL;
    if (!key && file) {
        if (!key_from_file(file, read_key)) {
            json_decref(login);
            return false;
        }
        key = read_key;
    }
    if (!key) {
        key = json_string_value(json_object_get(login, "api_key"));
        if (!url)
            url = json_string_value(json_object_get(login, "url"));
    }
    if (key)
        cli_use(cli, url ? url : DEFAULT_URL, key);
    else
        fprintf(stderr, "corral: there is no API key; run corral login, or set CORRAL_API_KEY\n");
    json_decref(login);
    return key;
}

/* --- requests --- */

struct bytes {
    char *at;
    size_t len;
};

static size_t on_bytes(char *at, size_t size, size_t count, void *arg)
{
    struct bytes *b = arg;
    size_t n = size * count;
    if (b->len + n > ANSWER_MAX)
        return 0;
    b->at = mem_grow(b->at, b->len + n + 1, 1);
    memcpy(b->at + b->len, at, n);
    b->len += n;
    b->at[b->len] = 0;
    return n;
}

char *cli_path(const char *format, ...)
{
    char *out = NULL;
    size_t len;
    va_list args;
    FILE *text = open_memstream(&out, &len);
    va_start(args, format);
    for (; *format; format++) {
        if (format[0] != '%' || format[1] != 's') {
            fputc(*format, text);
            continue;
        }
        char *escaped = curl_easy_escape(NULL, va_arg(args, const char *), 0);
        fputs(escaped, text);
        curl_free(escaped);
        format++;
    }
    va_end(args);
    fclose(text);
    return out;
}

/* A member of the object, safe to print on a terminal; NULL where there is none. */
static char *said(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? cli_show_only(mem_strdup(text)) : NULL;
}

static void print_problem(const struct cli *cli, long status, const json_t *problem)
{
    CLEANUP(mem_free_ptr) char *detail = said(problem, "detail");
    CLEANUP(mem_free_ptr) char *code = said(problem, "code");
    CLEANUP(mem_free_ptr) char *request = said(problem, "request_id");
    size_t i;
    json_t *error;
    if (cli_wants_json(cli) && problem) {
        cli_write_json(stderr, problem);
        return;
    }
    fprintf(stderr, "corral: %s (%s%s%ld%s%s)\n", detail ? detail : "the server refused", code ? code : "",
            code ? ", status " : "status ", status, request && *request ? ", request " : "",
            request ? request : "");
    json_array_foreach(json_object_get(problem, "errors"), i, error)
    {
        CLEANUP(mem_free_ptr) char *what = said(error, "detail");
        CLEANUP(mem_free_ptr) char *where = said(error, "pointer");
        if (what && detail && !strcmp(what, detail))
            continue; /* printed above */
        fprintf(stderr, "  %s %s\n", where ? where : "", what ? what : "");
    }
}

static struct curl_slist *headers_of(const struct cli *cli, bool has_body)
{
    char key[KEY_FILE_MAX + 16];
    snprintf(key, sizeof key, "X-API-Key: %s", cli->key);
    struct curl_slist *headers = curl_slist_append(NULL, key);
    headers = curl_slist_append(headers, has_body ? "Content-Type: application/json" : "Content-Type:");
    if (cli->async)
        headers = curl_slist_append(headers, "Prefer: respond-async");
    return headers;
}

/* The variable that names a proxy for this URL, as libcurl looks for it; NULL where none is set. */
static const char *proxy_variable(const char *url)
{
    static const char *const names[][4] = {{"http_proxy", "all_proxy", "ALL_PROXY", NULL},
                                           {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}};
    const char *const *name = names[!strncmp(url, "https:", 6)];
    for (size_t i = 0; i < ARRAY_LEN(names[0]) && name[i]; i++) {
        const char *value = getenv(name[i]);
        if (value)
            return value[0] ? name[i] : NULL;
    }
    return NULL;
}

#define LOOPBACK "localhost,127.0.0.0/8,::1"

/*
 * The hosts in $no_proxy, and always this machine: nobody else needs to see a key for a local server. The
 * caller's.
 */
static char *spared_hosts(void)
{
    char *hosts = NULL;
    const char *given = getenv("no_proxy");
    if (!given)
        given = getenv("NO_PROXY");
    if (given && !strcmp(given, "*"))
        return mem_strdup(given);
    if (asprintf(&hosts, "%s%s" LOOPBACK, given ? given : "", given && given[0] ? "," : "") < 0)
        abort();
    return hosts;
}

/* Whether an entry of such a list matches the host: its name, or a domain above it. */
static bool means(const char *entry, size_t len, const char *host)
{
    size_t all = strlen(host);
    if (len && *entry == '.') {
        entry++;
        len--;
    }
    return len && len <= all && !strncasecmp(host + all - len, entry, len) &&
           (len == all || host[all - len - 1] == '.');
}

/*
 * Whether the list matches the host. Ignores networks, except for this machine's own; used only for an error
 * message.
 */
static bool is_spared(const char *list, const char *host)
{
    if (!strcmp(list, "*") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]"))
        return true;
    for (size_t len; *list; list += len, list += strspn(list, ", ")) {
        len = strcspn(list, ", ");
        if (means(list, len, host))
            return true;
    }
    return false;
}

/* Whether requests to this URL use no proxy. */
static bool goes_straight(const char *url)
{
    CLEANUP(mem_free_ptr) char *list = spared_hosts();
    CURLU *parts = curl_url();
    char *host = NULL;
    bool straight = parts && !curl_url_set(parts, CURLUPART_URL, url, CURLU_GUESS_SCHEME) &&
                    !curl_url_get(parts, CURLUPART_HOST, &host, 0) && is_spared(list, host);
    curl_free(host);
    curl_url_cleanup(parts);
    return straight;
}

static void say_unreachable(const struct cli *cli, CURLcode rc)
{
    const char *variable = goes_straight(cli->url) ? NULL : proxy_variable(cli->url);
    fprintf(stderr, "corral: %s does not answer: %s", cli->url, curl_easy_strerror(rc));
    if (variable) {
        const char *proxy = getenv(variable),
                   *at = strrchr(proxy, '@'); /* a user and password may stand before it */
        fprintf(stderr, " ($%s names the proxy %s)", variable, at ? at + 1 : proxy);
    }
    fputc('\n', stderr);
}

/* An answer that is written as it comes, unless it is a refusal. */
struct streaming {
    CURL *curl;
    FILE *out;
    const char *accept;
    struct bytes refusal;
};

static size_t on_stream(char *at, size_t size, size_t count, void *arg)
{
    struct streaming *s = arg;
    long status = 0;
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return on_bytes(at, size, count, &s->refusal);
    size_t n = fwrite(at, 1, size * count, s->out);
    return fflush(s->out) ? 0 : n;
}

/* For a stream: no time limit, what comes goes out at once. */
static void set_streaming(struct streaming *s, struct curl_slist **headers)
{
    char accept[64];
    snprintf(accept, sizeof accept, "Accept: %s", s->accept);
    *headers = curl_slist_append(*headers, accept);
    curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, *headers);
    curl_easy_setopt(s->curl, CURLOPT_TIMEOUT, 0L);
    curl_easy_setopt(s->curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_stream);
    curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
}

/* The answer goes to got, or to stream where that is not NULL. */
static CURLcode perform(struct cli *cli, const char *method, const char *path, const char *text,
                        struct bytes *got, struct streaming *stream)
{
    CLEANUP(mem_free_ptr) char *url = NULL;
    const char *ca = from_environment("CORRAL_CA_FILE");
    if (asprintf(&url, "%s%s", cli->url, path) < 0)
        abort();
    if (!cli->curl && !(cli->curl = curl_easy_init()))
        abort();
    CURL *c = cli->curl;
    CLEANUP(mem_free_ptr) char *spared = spared_hosts();
    struct curl_slist *headers = headers_of(cli, text);
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L); /* ".." in an id must not address another object */
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "corral/" CORRAL_VERSION);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(c, CURLOPT_NOPROXY, spared);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, TIME_OUT_S);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, got);
    if (ca)
        curl_easy_setopt(c, CURLOPT_CAINFO, ca);
    if (text)
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, text);
    if (stream) {
        stream->curl = c;
        set_streaming(stream, &headers);
    }
    CURLcode rc = curl_easy_perform(c);
    curl_slist_free_all(headers);
    return rc;
}

int cli_call(struct cli *cli, const char *method, const char *path, json_t *body, struct cli_answer *answer)
{
    CLEANUP(mem_free_ptr) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct bytes got = {0};
    json_error_t where;
    *answer = (struct cli_answer){0};
    json_decref(body);
    CURLcode rc = perform(cli, method, path, text, &got, NULL);
    if (rc) {
        say_unreachable(cli, rc);
        free(got.at);
        return CLI_UNREACHABLE;
    }
    curl_easy_getinfo(cli->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    if (got.len)
        answer->json = json_loadb(got.at, got.len, 0, &where);
    bool odd = got.len && !answer->json && answer->status < 400;
    free(got.at);
    if (odd) {
        fprintf(stderr, "corral: %s answers with something that is not JSON; is it Corral?\n", cli->url);
        return CLI_UNREACHABLE;
    }
    if (answer->status < 400)
        return CLI_DONE;
    print_problem(cli, answer->status, answer->json);
    cli_answer_fini(answer);
    return CLI_REFUSED;
}

int cli_stream(struct cli *cli, const char *path, const char *accept, FILE *out)
{
    struct streaming stream = {.out = out, .accept = accept};
    long status = 0;
    CURLcode rc = perform(cli, "GET", path, NULL, NULL, &stream);
    if (!rc)
        curl_easy_getinfo(cli->curl, CURLINFO_RESPONSE_CODE, &status);
    json_t *problem = stream.refusal.len ? json_loadb(stream.refusal.at, stream.refusal.len, 0, NULL) : NULL;
    if (rc && !ferror(out))
        say_unreachable(cli, rc);
    else if (!rc && status != 200)
        print_problem(cli, status, problem);
    json_decref(problem);
    free(stream.refusal.at);
    return rc ? CLI_UNREACHABLE : status == 200 ? CLI_DONE : CLI_REFUSED;
}

void cli_answer_fini(struct cli_answer *answer)
{
    json_decref(answer->json);
    answer->json = NULL;
}
