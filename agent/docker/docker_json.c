#include "agent/docker/docker_json.h"

#include "common/base/mem.h"
#include "common/base/rfc3339.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void json_drop(json_t **json)
{
    json_decref(*json);
}

static json_t *parse(const char *bytes, size_t len, struct err *e)
{
    json_error_t error;
    json_t *root = json_loadb(bytes, len, 0, &error);
    if (!root)
        (void)err_set(e, ERR_PROTOCOL, "Docker's answer is not JSON: %s", error.text);
    return root;
}

/* The member's string; "" if it is missing or has another type. Borrowed. */
static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void list_of_array(const json_t *array, struct string_list *out)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        if (json_is_string(item))
            string_list_add(out, json_string_value(item));
    }
}

static void list_of_keys(json_t *object, struct string_list *out)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) string_list_add(out, key);
}

static void read_runc_version(const json_t *components, struct docker_facts *out)
{
    size_t i;
    json_t *item;
    json_array_foreach(components, i, item)
    {
        if (!strcmp(text_of(item, "Name"), "runc"))
            snprintf(out->runc_version, sizeof out->runc_version, "%s", text_of(item, "Version"));
    }
}

int docker_json_version(const char *bytes, size_t len, struct docker_facts *out, char min_api[16],
                        struct err *e)
{
    CLEANUP(json_drop) json_t *root = parse(bytes, len, e);
    if (!root)
        return ERR_PROTOCOL;
    snprintf(out->version, sizeof out->version, "%s", text_of(root, "Version"));
    snprintf(out->api_version, sizeof out->api_version, "%s", text_of(root, "ApiVersion"));
    snprintf(out->arch, sizeof out->arch, "%s", text_of(root, "Arch"));
    snprintf(min_api, 16, "%s", text_of(root, "MinAPIVersion"));
    read_runc_version(json_object_get(root, "Components"), out);
    if (!out->api_version[0])
        return err_set(e, ERR_PROTOCOL, "Docker names no API version");
    return 0;
}

/* A remapped daemon keeps its data in a folder named after the ids: ".../100000.100000". */
static uint32_t remapped_uid(const char *root_dir)
{
    const char *slash = strrchr(root_dir, '/');
    unsigned uid = 0, gid = 0;
    return slash && sscanf(slash, "/%u.%u", &uid, &gid) == 2 ? uid : 0;
}

/* gVisor's runsc, registered without an option that lets an init connect to the agent's socket. */
static bool is_closed(const json_t *runtime)
{
    static const char *const opens[] = {"--host-uds=open", "--host-uds=all", "--fsgofer-host-uds"};
    const char *path = text_of(runtime, "path"), *slash = strrchr(path, '/');
    size_t i;
    json_t *arg;
    if (strcmp(slash ? slash + 1 : path, "runsc"))
        return false;
    json_array_foreach(json_object_get(runtime, "runtimeArgs"), i, arg)
    {
        for (size_t k = 0; k < ARRAY_LEN(opens); k++) {
            if (json_is_string(arg) && !strcmp(json_string_value(arg), opens[k]))
                return false;
        }
    }
    return true;
}

static void read_runtimes(json_t *runtimes, struct docker_facts *out)
{
    const char *name;
    json_t *runtime;
    json_object_foreach(runtimes, name, runtime)
    {
        string_list_add(&out->runtimes, name);
        if (is_closed(runtime))
            string_list_add(&out->closed, name);
    }
}

int docker_json_info(const char *bytes, size_t len, struct docker_facts *out, struct err *e)
{
    CLEANUP(json_drop) json_t *root = parse(bytes, len, e);
    if (!root)
        return ERR_PROTOCOL;
    size_t i;
    json_t *option;
    json_array_foreach(json_object_get(root, "SecurityOptions"), i, option)
    {
        const char *text = json_string_value(option);
        out->userns |= text && strstr(text, "name=userns");
        out->seccomp |= text && strstr(text, "name=seccomp");
    }
    const char *dir = text_of(root, "DockerRootDir");
    snprintf(out->root_dir, sizeof out->root_dir, "%s", strlen(dir) < sizeof out->root_dir ? dir : "");
    if (out->userns)
        out->userns_uid = remapped_uid(dir);
    out->live_restore = json_is_true(json_object_get(root, "LiveRestoreEnabled"));
    out->memory_limit = json_is_true(json_object_get(root, "MemoryLimit"));
    out->swap_limit = json_is_true(json_object_get(root, "SwapLimit"));
    out->cpu_quota = json_is_true(json_object_get(root, "CpuCfsQuota"));
    out->pids_limit = json_is_true(json_object_get(root, "PidsLimit"));
    out->cgroup_v2 = !strcmp(text_of(root, "CgroupVersion"), "2");
    out->memory_bytes = (uint64_t)json_integer_value(json_object_get(root, "MemTotal"));
    out->cpus = (uint64_t)json_integer_value(json_object_get(root, "NCPU"));
    read_runtimes(json_object_get(root, "Runtimes"), out);
    return 0;
}

static void read_env(const json_t *env, struct image_facts *facts)
{
    size_t i;
    json_t *item;
    facts->env_count = json_array_size(env);
    json_array_foreach(env, i, item) facts->env_bytes += json_string_length(item) + 1;
}

static void read_labels(json_t *labels, struct image_facts *facts)
{
    const char *key;
    json_t *value;
    json_object_foreach(labels, key, value)
    {
        facts->label_bytes += strlen(key) + json_string_length(value);
        facts->has_own_label |= !strncmp(key, "corral.", strlen("corral."));
    }
}

static uint64_t size_of(const json_t *object, const char *key)
{
    json_int_t size = json_integer_value(json_object_get(object, key));
    return size > 0 ? (uint64_t)size : 0;
}

int docker_json_image(const char *bytes, size_t len, struct docker_image *out, struct err *e)
{
    CLEANUP(json_drop) json_t *root = parse(bytes, len, e);
    if (!root)
        return ERR_PROTOCOL;
    json_t *config = json_object_get(root, "Config");
    struct image_facts *facts = &out->facts;
    snprintf(out->id, sizeof out->id, "%s", text_of(root, "Id"));
    out->size_bytes = size_of(root, "Size");
    list_of_array(json_object_get(root, "RepoTags"), &out->names);
    list_of_array(json_object_get(root, "RepoDigests"), &out->names);
    list_of_keys(json_object_get(config, "Volumes"), &facts->volumes);
    list_of_array(json_object_get(config, "Entrypoint"), &facts->entrypoint);
    list_of_array(json_object_get(config, "Cmd"), &facts->command);
    snprintf(facts->arch, sizeof facts->arch, "%s", text_of(root, "Architecture"));
    snprintf(facts->os, sizeof facts->os, "%s", text_of(root, "Os"));
    facts->port_count = json_object_size(json_object_get(config, "ExposedPorts"));
    read_env(json_object_get(config, "Env"), facts);
    read_labels(json_object_get(config, "Labels"), facts);
    const char *dir = text_of(config, "WorkingDir");
    facts->working_dir_long = strlen(dir) >= sizeof facts->working_dir;
    snprintf(facts->working_dir, sizeof facts->working_dir, "%s", facts->working_dir_long ? "" : dir);
    return 0;
}

static int copy_id(const char *text, char id[DOCKER_ID_LEN + 1], struct err *e)
{
    if (strlen(text) != DOCKER_ID_LEN || strspn(text, "0123456789abcdef") != DOCKER_ID_LEN)
        return err_set(e, ERR_PROTOCOL, "Docker's answer has no container id");
    memcpy(id, text, DOCKER_ID_LEN + 1);
    return 0;
}

int docker_json_created(const char *bytes, size_t len, char id[DOCKER_ID_LEN + 1], struct err *e)
{
    CLEANUP(json_drop) json_t *root = parse(bytes, len, e);
    return root ? copy_id(text_of(root, "Id"), id, e) : ERR_PROTOCOL;
}

/* Parses RFC 3339 in UTC, up to nanoseconds; 0 for anything else and for Docker's "never". */
static uint64_t unix_ms_of(const char *text)
{
    char exact[RFC3339_LEN + 1];
    unsigned ms = 0;
    uint64_t out;
    const char *fraction = strchr(text, '.');
    for (int i = 1; i <= 3; i++) {
        if (fraction && (fraction[i] < '0' || fraction[i] > '9'))
            fraction = NULL;
        ms = ms * 10 + (fraction ? (unsigned)(fraction[i] - '0') : 0);
    }
    if (strlen(text) < 20 || text[strlen(text) - 1] != 'Z')
        return 0;
    snprintf(exact, sizeof exact, "%.19s.%03uZ", text, ms);
    return rfc3339_parse(exact, &out) ? out : 0;
}

static bool has_foreign_mounts(const json_t *mounts)
{
    size_t i;
    json_t *mount;
    json_array_foreach(mounts, i, mount)
    {
        if (strcmp(text_of(mount, "Type"), "bind"))
            return true;
    }
    return false;
}

int docker_json_inspect(const char *bytes, size_t len, struct docker_state *out, struct err *e)
{
    CLEANUP(json_drop) json_t *root = parse(bytes, len, e);
    *out = (struct docker_state){0};
    if (!root)
        return ERR_PROTOCOL;
    json_t *state = json_object_get(root, "State");
    out->running = json_is_true(json_object_get(state, "Running"));
    out->paused = json_is_true(json_object_get(state, "Paused"));
    out->oom_killed = json_is_true(json_object_get(state, "OOMKilled"));
    out->exit_code = (int)json_integer_value(json_object_get(state, "ExitCode"));
    const char *status = text_of(state, "Status");
    out->removing = !strcmp(status, "removing") || !strcmp(status, "dead");
    out->foreign_mounts = has_foreign_mounts(json_object_get(root, "Mounts"));
    out->begun = status[0] && strcmp(status, "created");
    snprintf(out->image, sizeof out->image, "%s", text_of(root, "Image"));
    if (!out->running)
        out->finished_wall_ms = unix_ms_of(text_of(state, "FinishedAt"));
    json_int_t pid = json_integer_value(json_object_get(state, "Pid"));
    out->pid = pid > 0 && pid <= 4194304 ? (pid_t)pid : 0;
    return copy_id(text_of(root, "Id"), out->id, e);
}

/* Decodes up to the first byte that is not a digit; an incomplete last group is ignored. */
static size_t base64_decode(const char *text, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    unsigned bits = 0, have = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            break;
        bits = (bits << 6 | (unsigned)(digit - digits)) & 0xffff;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        out[n++] = (char)(bits >> have & 0xff);
    }
    return n;
}

/* The type bits of Go's os.FileMode, all 0 for a regular file. */
#define GO_MODE_LINK (1u << 27)
#define GO_MODE_TYPE (1u << 31 | GO_MODE_LINK | 1u << 26 | 1u << 25 | 1u << 24 | 1u << 21 | 1u << 19)

int docker_json_file(const char *bytes, size_t len, struct docker_file *out,
                     char link[static DOCKER_PATH_MAX], struct err *e)
{
    CLEANUP(mem_free_ptr) char *text = mem_zalloc(len + 1);
    CLEANUP(json_drop) json_t *root = parse(text, base64_decode(bytes, len, text), e);
    if (!root)
        return ERR_PROTOCOL;
    uint64_t mode = (uint64_t)json_integer_value(json_object_get(root, "mode"));
    json_int_t size = json_integer_value(json_object_get(root, "size"));
    *out = (struct docker_file){.plain = !(mode & GO_MODE_TYPE), .bytes = size > 0 ? (uint64_t)size : 0};
    const char *target = mode & GO_MODE_LINK ? text_of(root, "linkTarget") : "";
    snprintf(link, DOCKER_PATH_MAX, "%s", strlen(target) < DOCKER_PATH_MAX ? target : "");
    return 0;
}

static const struct {
    const char *name;
    enum docker_event_kind kind;
} actions[] = {
    {"die", DOCKER_DIED},        {"oom", DOCKER_OOM},         {"pause", DOCKER_CHANGED},
    {"unpause", DOCKER_CHANGED}, {"destroy", DOCKER_CHANGED},
};

int docker_json_event(const char *bytes, size_t len, struct docker_event *out, struct err *e)
{
    CLEANUP(json_drop) json_t *root = parse(bytes, len, e);
    *out = (struct docker_event){.kind = DOCKER_OTHER};
    if (!root)
        return ERR_PROTOCOL;
    json_t *attributes = json_object_get(json_object_get(root, "Actor"), "Attributes");
    if (!strcmp(text_of(root, "Type"), "image")) {
        out->kind = DOCKER_IMAGE;
        return 0;
    }
    if (!sandbox_id_parse(text_of(attributes, "corral.sandbox"), &out->sandbox))
        return err_set(e, ERR_PROTOCOL, "Docker listed a container without a sandbox's id");
    const char *action = text_of(root, "Action");
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!strcmp(action, actions[i].name))
            out->kind = actions[i].kind;
    }
    out->exit_code = atoi(text_of(attributes, "exitCode"));
    return 0;
}

/*
 * Makes an array of what `take` reads of each item of Docker's list. `take` leaves out those for which it
 * returns false.
 */
static int take_list(const char *bytes, size_t len, size_t size, bool (*take)(const json_t *item, void *out),
                     void *out, size_t *count, struct err *e)
{
    CLEANUP(json_drop) json_t *root = parse(bytes, len, e);
    char **items = out;
    size_t i;
    json_t *item;
    *items = NULL;
    *count = 0;
    if (!json_is_array(root))
        return root ? err_set(e, ERR_PROTOCOL, "Docker's list is no list") : ERR_PROTOCOL;
    *items = mem_zalloc(json_array_size(root) * size);
    json_array_foreach(root, i, item)
    {
        *count += take(item, *items + *count * size);
    }
    return 0;
}

/* What says that a container or a network is ours. */
static void take_labels(const json_t *item, char sandbox[SANDBOX_ID_LEN + 1], char *cluster, size_t size)
{
    struct sandbox_id id;
    const json_t *labels = json_object_get(item, "Labels");
    if (sandbox_id_parse(text_of(labels, "corral.sandbox"), &id))
        memcpy(sandbox, id.text, sizeof id.text);
    snprintf(cluster, size, "%s", text_of(labels, "corral.cluster"));
}

static bool take_listed(const json_t *item, void *out)
{
    struct docker_listed *listed = out;
    struct err e;
    if (copy_id(text_of(item, "Id"), listed->id, &e))
        return false;
    take_labels(item, listed->sandbox, listed->cluster, sizeof listed->cluster);
    snprintf(listed->image, sizeof listed->image, "%s", text_of(item, "ImageID"));
    listed->running = !strcmp(text_of(item, "State"), "running") || !strcmp(text_of(item, "State"), "paused");
    return true;
}

int docker_json_list(const char *bytes, size_t len, struct docker_listed **out, size_t *count, struct err *e)
{
    return take_list(bytes, len, sizeof **out, take_listed, out, count, e);
}

void docker_stored_free(struct docker_stored *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        string_list_fini(&items[i].names);
    free(items);
}

static bool take_stored(const json_t *item, void *out)
{
    struct docker_stored *stored = out;
    const char *id = text_of(item, "Id");
    uint64_t created_s = size_of(item, "Created");
    if (!*id || strlen(id) >= sizeof stored->id)
        return false;
    strcpy(stored->id, id);
    stored->size_bytes = size_of(item, "Size");
    stored->created_wall_ms = created_s < UINT64_MAX / 1000 ? created_s * 1000 : 0;
    list_of_array(json_object_get(item, "RepoTags"), &stored->names);
    list_of_array(json_object_get(item, "RepoDigests"), &stored->names);
    return true;
}

int docker_json_images(const char *bytes, size_t len, struct docker_stored **out, size_t *count,
                       struct err *e)
{
    return take_list(bytes, len, sizeof **out, take_stored, out, count, e);
}

static bool take_network(const json_t *item, void *out)
{
    struct docker_network *network = out;
    const char *name = text_of(item, "Name");
    struct err e;
    if (strlen(name) >= sizeof network->name || copy_id(text_of(item, "Id"), network->id, &e))
        return false;
    strcpy(network->name, name);
    take_labels(item, network->sandbox, network->cluster, sizeof network->cluster);
    return true;
}

int docker_json_networks(const char *bytes, size_t len, struct docker_network **out, size_t *count,
                         struct err *e)
{
    return take_list(bytes, len, sizeof **out, take_network, out, count, e);
}

char *docker_json_filters(const char *key, const char *const *values)
{
    json_t *array = json_array();
    for (; *values; values++)
        json_array_append_new(array, json_string(*values));
    CLEANUP(json_drop) json_t *filters = json_pack("{s:o}", key, array);
    return json_dumps(filters, JSON_COMPACT);
}

void docker_json_message(const char *bytes, size_t len, char *out, size_t size)
{
    CLEANUP(json_drop) json_t *root = parse(bytes, len, NULL);
    snprintf(out, size, "%s", text_of(root, "message"));
}

/* Of a layer's progress. What is not known waits. */
static enum node_layer_state layer_state(const char *status)
{
    static const struct {
        const char *status;
        enum node_layer_state state;
    } states[] = {
        {"Downloading", NODE_LAYER_DOWNLOADING},      {"Verifying Checksum", NODE_LAYER_EXTRACTING},
        {"Download complete", NODE_LAYER_EXTRACTING}, {"Extracting", NODE_LAYER_EXTRACTING},
        {"Pull complete", NODE_LAYER_DONE},           {"Already exists", NODE_LAYER_DONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (!strcmp(status, states[i].status))
            return states[i].state;
    }
    return NODE_LAYER_WAITING;
}

void docker_json_pull_line(const char *bytes, size_t len, struct docker_pull_line *out)
{
    CLEANUP(json_drop) json_t *line = parse(bytes, len, NULL);
    const json_t *progress = json_object_get(line, "progressDetail");
    uint64_t current = size_of(progress, "current"), total = size_of(progress, "total");
    const char *error = text_of(line, "error");
    snprintf(out->said, sizeof out->said, "%s", error[0] ? error : text_of(line, "message"));
    snprintf(out->layer.id, sizeof out->layer.id, "%s", progress ? text_of(line, "id") : "");
    out->layer.state = layer_state(text_of(line, "status"));
    out->layer.bytes = current > total ? current : total;
    out->layer.done_bytes = current;
    out->waits = !strcmp(text_of(line, "status"), "Waiting");
}

/* --- bodies --- */

static json_t *array_of(const struct string_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->item[i]));
    return array;
}

static json_t *labels_of(const struct string_list *list)
{
    json_t *object = json_object();
    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->item[i], '=');
        if (!equals)
            continue;
        char *key = mem_dup(list->item[i], (size_t)(equals - list->item[i]));
        json_object_set_new(object, key, json_string(equals + 1));
        free(key);
    }
    return object;
}

int docker_seccomp_check(const char *text, struct err *e)
{
    CLEANUP(json_drop) json_t *profile = parse(text, strlen(text), NULL);
    if (text_of(profile, "defaultAction")[0] && json_is_array(json_object_get(profile, "syscalls")))
        return 0;
    return err_set(e, ERR_CONFIG, "this is no seccomp profile: JSON with a defaultAction and syscalls");
}

bool docker_seccomp_takes_narrow(const char *text)
{
    return !text || strstr(text, "\"SCMP_ARCH_X86\"") || strstr(text, "\"SCMP_ARCH_ARM\"");
}

/* Uses Mounts rather than Binds: a missing source is then an error, not created by root. */
static json_t *mounts_of(const struct docker_container *c)
{
    json_t *array = json_array();
    for (size_t i = 0; i < c->bind_count; i++)
        json_array_append_new(array,
                              json_pack("{s:s,s:s,s:s,s:b}", "Type", "bind", "Source", c->binds[i].source,
                                        "Target", c->binds[i].target, "ReadOnly", c->binds[i].read_only));
    return array;
}

static json_t *security_of(const struct docker_container *c)
{
    json_t *array = json_pack("[s]", "no-new-privileges");
    if (!c->seccomp)
        return array;
    static const char name[] = "seccomp=";
    char *text = mem_zalloc(sizeof name + strlen(c->seccomp));
    strcpy(text, name);
    strcpy(text + sizeof name - 1, c->seccomp);
    json_array_append_new(array, json_string(text));
    free(text);
    return array;
}

static void put_disk_limit(json_t *host, const char *key, const char *device, uint64_t rate)
{
    if (rate)
        json_object_set_new(host, key, json_pack("[{s:s,s:I}]", "Path", device, "Rate", (json_int_t)rate));
}

static void put_disk_limits(json_t *host, const char *device, const struct docker_disk_limits *limits)
{
    put_disk_limit(host, "BlkioDeviceReadBps", device, limits->read_bytes);
    put_disk_limit(host, "BlkioDeviceWriteBps", device, limits->write_bytes);
    put_disk_limit(host, "BlkioDeviceReadIOps", device, limits->operations);
    put_disk_limit(host, "BlkioDeviceWriteIOps", device, limits->operations);
}

/* -1, Docker's value for no limit, if there is none. */
static json_int_t quota_of(const struct sandbox_limits *limits)
{
    json_int_t quota = (json_int_t)(limits->cpu_millis * DOCKER_CPU_PERIOD / 1000);
    if (!limits->cpu_millis)
        return -1;
    return quota < 1000 ? 1000 : quota; /* the least that the kernel accepts */
}

static void put_limits(json_t *host, const struct sandbox_limits *limits)
{
    json_object_set_new(host, "Memory", json_integer((json_int_t)limits->memory_bytes));
    json_object_set_new(host, "MemorySwap", json_integer((json_int_t)limits->memory_bytes));
    json_object_set_new(host, "CpuPeriod", json_integer(DOCKER_CPU_PERIOD));
    json_object_set_new(host, "CpuQuota", json_integer(quota_of(limits)));
    json_object_set_new(host, "CpuShares", json_integer((json_int_t)limits->cpu_shares));
    json_object_set_new(host, "PidsLimit", json_integer((json_int_t)limits->pids));
}

/*
 * Beside open files, pools that the kernel counts per user namespace once they are limited, and for the whole
 * host otherwise. core: with a limit of 0, a host that pipes its core dumps would still run its program for
 * each crash; with 1 nothing is dumped (core(5)).
 */
static json_t *ulimits_of(const struct sandbox_limits *limits)
{
    const struct {
        const char *name;
        json_int_t limit; /* 0: keep Docker's own */
    } rows[] = {
        {"core", 1}, {"nofile", (json_int_t)limits->nofile}, {"sigpending", 4096}, {"msgqueue", 409600}};
    json_t *array = json_array();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].limit)
            json_array_append_new(array, json_pack("{s:s,s:I,s:I}", "Name", rows[i].name, "Soft",
                                                   rows[i].limit, "Hard", rows[i].limit));
    }
    return array;
}

/* Of Docker's drivers that it reads back itself, "local" costs least per line, and keeps bytes that are no
 * UTF-8 as they are ("json-file" does not). What is rotated is not compressed: that would take Docker's
 * processor. */
static json_t *log_config(void)
{
    char size[24], files[8];
    snprintf(size, sizeof size, "%d", DOCKER_LOG_BYTES);
    snprintf(files, sizeof files, "%d", DOCKER_LOG_FILES);
    return json_pack("{s:s,s:{s:s,s:s,s:s}}", "Type", "local", "Config", "max-size", size, "max-file", files,
                     "compress", "false");
}

/* The isolation of a sandbox (docs/hardening.md), in Docker's terms. */
static json_t *host_config(const struct docker_container *c)
{
    json_t *host = json_pack("{s:b,s:[s],s:o,s:s,s:s,s:{s:s},s:o,s:o,s:b,s:i}", "ReadonlyRootfs", 1,
                             "CapDrop", "ALL", "SecurityOpt", security_of(c), "NetworkMode", c->network,
                             "IpcMode", "private", "RestartPolicy", "Name", "no", "LogConfig", log_config(),
                             "Mounts", mounts_of(c), "Init", 0, "OomScoreAdj", 500);
    put_limits(host, &c->limits);
    json_object_set_new(host, "MemorySwappiness", json_integer(0));
    json_object_set_new(
        host, "ShmSize",
        json_integer(
            (json_int_t)(c->shm_bytes ? c->shm_bytes : sandbox_default_shm(c->limits.memory_bytes))));
    if (c->disk_device)
        put_disk_limits(host, c->disk_device, &c->disk_limits);
    json_object_set_new(host, "Ulimits", ulimits_of(&c->limits));
    if (c->masked)
        json_object_set_new(host, "MaskedPaths", array_of(c->masked));
    if (c->read_only)
        json_object_set_new(host, "ReadonlyPaths", array_of(c->read_only));
    if (c->own_cgroups)
        json_object_set_new(host, "CgroupnsMode", json_string("private"));
    if (c->runtime)
        json_object_set_new(host, "Runtime", json_string(c->runtime));
    if (c->cgroup_parent)
        json_object_set_new(host, "CgroupParent", json_string(c->cgroup_parent));
    return host;
}

char *docker_json_create_body(const struct docker_container *c)
{
    CLEANUP(json_drop)
    json_t *body = json_pack(
        "{s:s,s:s,s:s,s:o,s:[],s:o,s:o,s:o,s:{s:[s]}}", "Image", c->image, "User", "1000:1000", "WorkingDir",
        c->working_dir, "Entrypoint", array_of(&c->entrypoint), "Cmd", "Env", array_of(&c->env), "Labels",
        labels_of(&c->labels), "HostConfig", host_config(c), "Healthcheck", "Test", "NONE");
    return body ? json_dumps(body, JSON_COMPACT) : NULL;
}

char *docker_json_exec_body(const struct string_list *command)
{
    CLEANUP(json_drop)
    json_t *body = json_pack("{s:b,s:b,s:o}", "AttachStdin", 1, "AttachStdout", 1, "Cmd", array_of(command));
    return body ? json_dumps(body, JSON_COMPACT) : NULL;
}

char *docker_json_update_body(const struct sandbox_limits *limits)
{
    CLEANUP(json_drop) json_t *body = json_object();
    put_limits(body, limits);
    return json_dumps(body, JSON_COMPACT);
}
