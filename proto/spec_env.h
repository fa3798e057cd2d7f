/*
 * The environment of a sandbox, sealed within its packed spec (common/io/secrets.h, docs/secrets.md): what
 * the database and an agent's records hold. Nothing else of a spec is sealed, so a spec can be used without
 * the key but for its environment. The subject of the seal is the sandbox's id.
 */
#ifndef CORRAL_PROTO_SPEC_ENV_H
#define CORRAL_PROTO_SPEC_ENV_H

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/io/secrets.h"
#include "common/model/sandbox_spec.h"

/* Seals spec->env into spec->sealed_env, and empties it. Without an environment it does nothing. */
int spec_env_seal(const struct secrets *secrets, const char *sandbox, struct sandbox_spec *spec,
                  struct err *e) MUST_CHECK;

/* The opposite. On an error, the spec is as it was. Codes of secrets_open. */
int spec_env_open(const struct secrets *secrets, const char *sandbox, struct sandbox_spec *spec,
                  struct err *e) MUST_CHECK;

/*
 * As these, for a packed spec. *out is the caller's, to be freed with secrets_wipe; NULL where the spec needs
 * no change. ERR_PROTOCOL also for bytes that are no spec.
 */
int spec_env_seal_packed(const struct secrets *secrets, const char *sandbox, const uint8_t *bytes, size_t len,
                         uint8_t **out, size_t *out_len, struct err *e) MUST_CHECK;
int spec_env_open_packed(const struct secrets *secrets, const char *sandbox, const uint8_t *bytes, size_t len,
                         uint8_t **out, size_t *out_len, struct err *e) MUST_CHECK;

/* The packed spec without its environment, sealed or not; NULL where it has none, or is no spec. */
uint8_t *spec_env_drop_packed(const uint8_t *bytes, size_t len, size_t *out_len);

#endif
