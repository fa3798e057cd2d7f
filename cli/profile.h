/*
 * Where the server's URL and the API key come from: a profile that `corral login` stored, or the environment.
 * A profile is a file of its own, ~/.config/corral/profiles/NAME.json ($XDG_CONFIG_HOME), readable by its
 * user only.
 */
#ifndef CORRAL_CLI_PROFILE_H
#define CORRAL_CLI_PROFILE_H

#include "cli/cli.h"

#define PROFILE_URL "http://127.0.0.1:3000" /* where nothing else is said */

/* The profile in use: --profile, $CORRAL_PROFILE, or "default". */
const char *profile_name(const struct cli *cli);

/*
 * Tells cli the server and the key. --profile comes before $CORRAL_API_KEY and $CORRAL_API_KEY_FILE, which
 * come before $CORRAL_PROFILE. A profile's key goes to $CORRAL_URL if that is set, but with --profile only to
 * the profile's own server. False where there is no key; the error is printed on stderr.
 */
bool profile_use(struct cli *cli) MUST_CHECK;

/* Stores the profile in use. False where that fails; the error is printed on stderr. */
bool profile_store(const struct cli *cli, const char *url, const char *key) MUST_CHECK;

/* CLI_REFUSED, with the error printed, where there is none or it cannot be removed. */
int profile_remove(const char *name) MUST_CHECK;

/* [{name, url, current}], sorted by name. The caller's. */
json_t *profile_all(const struct cli *cli);

#endif
