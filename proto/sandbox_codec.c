#include "proto/node_codec.h"

#include "common/base/mem.h"
#include "proto/pb.h"
#include "proto/sandbox.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define LEVEL_MAX 3600 /* percents have lower bounds, which are checked where they are set */

static bool levels_fit(const struct violation_levels *levels)
{
    bool fit = true;
#define FITS(name) fit = fit && levels->name <= LEVEL_MAX;
    VIOLATION_LEVELS(FITS)
#undef FITS
    return fit;
}

static const char *breach(const struct sandbox_spec *spec)
{
    if (!spec->image || !*spec->image || strlen(spec->image) > SPEC_IMAGE_MAX)
        return "image";
    if (spec->runtime && strlen(spec->runtime) > SPEC_IMAGE_MAX)
        return "runtime";
    if (spec->user && strlen(spec->user) > SPEC_USER_MAX)
        return "user";
    if (!pb_list_check(spec->command.item, spec->command.count, SPEC_LIST_MAX, SPEC_STRING_MAX))
        return "command";
    if (!pb_list_check(spec->env.item, spec->env.count, SPEC_LIST_MAX, SPEC_STRING_MAX))
        return "env";
    if (spec->sealed_env_len > SPEC_PACKED_MAX || (spec->sealed_env_len && spec->env.count))
        return "sealed_env";
    if ((unsigned)spec->network > NETWORK_EGRESS)
        return "network";
    if (spec->shm_bytes > INT64_MAX)
        return "shm_bytes";
    if (!pb_list_check(spec->ready_command.item, spec->ready_command.count, SPEC_LIST_MAX, SPEC_STRING_MAX) ||
        spec->ready_interval_ms > READY_INTERVAL_MAX_MS || spec->ready_timeout_ms > READY_TIMEOUT_MAX_MS ||
        (spec->ready_command.count && !(spec->ready_interval_ms && spec->ready_timeout_ms)))
        return "ready";
    if (!levels_fit(&spec->levels))
        return "levels";
    return NULL;
}

int sandbox_spec_pack(const struct sandbox_spec *spec, uint8_t **out, size_t *len, struct err *err)
{
    Corral__SandboxSpec pb = CORRAL__SANDBOX_SPEC__INIT;
    Corral__ViolationLevels levels = CORRAL__VIOLATION_LEVELS__INIT;
    const char *field = breach(spec);
    if (field)
        return err_set(err, ERR_INVALID, "%s: missing or too large", field);
    pb.image = spec->image;
    pb.n_command = spec->command.count;
    pb.command = spec->command.item;
    pb.n_env = spec->env.count;
    pb.env = spec->env.item;
    pb.sealed_env = (ProtobufCBinaryData){spec->sealed_env_len, spec->sealed_env};
    pb.network = spec->network;
    if (spec->runtime)
        pb.runtime = spec->runtime;
    if (spec->user)
        pb.user = spec->user;
    pb.use_image_command = spec->use_image_command;
    pb.idle_timeout_seconds = spec->idle_timeout_seconds;
    pb.shm_bytes = spec->shm_bytes;
    pb.n_ready_command = spec->ready_command.count;
    pb.ready_command = spec->ready_command.item;
    pb.ready_interval_ms = spec->ready_interval_ms;
    pb.ready_timeout_ms = spec->ready_timeout_ms;
    pb.levels = &levels;
#define TO(name) levels.name = spec->levels.name;
    VIOLATION_LEVELS(TO)
#undef TO
    return pb_pack(&pb.base, SPEC_PACKED_MAX, out, len, err);
}

/* Checks counts before copying; breach() then checks the rest, as it does when packing. */
static bool take(const Corral__SandboxSpec *pb, struct sandbox_spec *spec)
{
    if (pb->network > NETWORK_EGRESS || !pb->image)
        return false;
    spec->network = (enum sandbox_network)pb->network;
    spec->use_image_command = pb->use_image_command;
    spec->idle_timeout_seconds = pb->idle_timeout_seconds;
    spec->shm_bytes = pb->shm_bytes;
    spec->ready_interval_ms = pb->ready_interval_ms;
    spec->ready_timeout_ms = pb->ready_timeout_ms;
#define FROM(name) spec->levels.name = pb->levels->name;
    if (pb->levels) {
        VIOLATION_LEVELS(FROM)
    }
#undef FROM
    spec->image = mem_strdup(pb->image);
    spec->runtime = pb->runtime && *pb->runtime ? mem_strdup(pb->runtime) : NULL;
    spec->user = pb->user && *pb->user ? mem_strdup(pb->user) : NULL;
    if (pb->sealed_env.len) {
        spec->sealed_env = mem_dup(pb->sealed_env.data, pb->sealed_env.len);
        spec->sealed_env_len = pb->sealed_env.len;
    }
    return pb_list_copy(&spec->command, pb->command, pb->n_command, SPEC_LIST_MAX, SPEC_STRING_MAX) &&
           pb_list_copy(&spec->env, pb->env, pb->n_env, SPEC_LIST_MAX, SPEC_STRING_MAX) &&
           pb_list_copy(&spec->ready_command, pb->ready_command, pb->n_ready_command, SPEC_LIST_MAX,
                        SPEC_STRING_MAX) &&
           !breach(spec);
}

int sandbox_spec_unpack(const uint8_t *bytes, size_t len, struct sandbox_spec *spec, struct err *err)
{
    ProtobufCMessage *pb = pb_unpack(&corral__sandbox_spec__descriptor, bytes, len, SPEC_PACKED_MAX);
    memset(spec, 0, sizeof *spec);
    if (!pb)
        return err_set(err, ERR_PROTOCOL, "the spec of %zu bytes does not parse", len);
    bool ok = take((const Corral__SandboxSpec *)pb, spec);
    protobuf_c_message_free_unpacked(pb, NULL);
    if (ok)
        return 0;
    sandbox_spec_fini(spec);
    return err_set(err, ERR_PROTOCOL,
                   "the spec breaks a bound, or has a value that this version does not know");
}
