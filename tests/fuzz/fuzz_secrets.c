#include "tests/fuzz/target.h"

#include "common/io/secrets.h"

#include <stdlib.h>

/* A key file, and a sealed text: both read from disks that others may write. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char file[] = "k1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    struct secrets *secrets = NULL;
    struct err e;
    uint8_t *out;
    size_t out_len;
    if (!secrets_parse(&secrets, (const char *)bytes, len, &e)) {
        uint8_t *sealed;
        size_t sealed_len;
        if (!secrets_has(secrets, secrets_sealing_id(secrets)) ||
            secrets_seal(secrets, "s", bytes, len, &sealed, &sealed_len, &e) ||
            secrets_open(secrets, "s", sealed, sealed_len, &out, &out_len, &e) || out_len != len)
            abort();
        secrets_wipe(out, out_len);
        free(sealed);
        secrets_free(secrets);
    }
    if (secrets_parse(&secrets, file, sizeof file - 1, &e))
        abort();
    if (!secrets_open(secrets, "s", bytes, len, &out, &out_len, &e))
        secrets_wipe(out, out_len);
    secrets_free(secrets);
    return 0;
}
