/*
 * common/io/pki.h without cryptography: a node's certificate is its name, a signature a sum over what is
 * signed and who signs. Nobody in the simulation forges one.
 */
#include "common/io/pki.h"
#include "common/io/tls_mutual.h"
#include "tests/sim/world.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOREVER_S ((int64_t)1 << 40)

static struct world *chance;

void sim_pki_begin(struct world *w)
{
    chance = w;
}

struct pki_ca {
    char any;
};

struct pki_identity {
    char *name;
};

int pki_ca_load(struct pki_ca **out, const char *ca_file, struct err *err)
{
    *out = mem_zalloc(sizeof **out);
    return 0;
}

void pki_ca_free(struct pki_ca *ca)
{
    free(ca);
}

int pki_identity_load(struct pki_identity **out, const char *cert_file, const char *key_file, struct err *err)
{
    *out = mem_zalloc(sizeof **out);
    (*out)->name = mem_strdup(cert_file);
    return 0;
}

void pki_identity_free(struct pki_identity *identity)
{
    free(identity->name);
    free(identity);
}

const uint8_t *pki_identity_cert(const struct pki_identity *identity, size_t *len)
{
    *len = strlen(identity->name);
    return (const uint8_t *)identity->name;
}

/* FNV-1a. */
static uint64_t sum(uint64_t from, const void *data, size_t len)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < len; i++)
        from = (from ^ at[i]) * 0x100000001b3u;
    return from;
}

static uint64_t signature_of(const void *name, size_t name_len, const void *data, size_t len)
{
    return sum(sum(0xcbf29ce484222325u, name, name_len), data, len);
}

int pki_sign(const struct pki_identity *identity, const void *data, size_t len,
             uint8_t sig[PKI_SIGNATURE_MAX], size_t *sig_len, struct err *err)
{
    uint64_t made = signature_of(identity->name, strlen(identity->name), data, len);
    memcpy(sig, &made, sizeof made);
    *sig_len = sizeof made;
    return 0;
}

int pki_verify_node(const struct pki_ca *ca, const char *node, const uint8_t *cert, size_t cert_len,
                    struct err *err)
{
    bool its_own = cert_len == strlen(node) && !memcmp(node, cert, cert_len);
    return its_own ? 0 : err_set(err, ERR_UNAUTHENTICATED, "this certificate is of another node");
}

int pki_verify_signature(const uint8_t *cert, size_t cert_len, const void *data, size_t len,
                         const uint8_t *sig, size_t sig_len, struct err *err)
{
    uint64_t right = signature_of(cert, cert_len, data, len);
    bool ok = sig_len == sizeof right && !memcmp(sig, &right, sizeof right);
    return ok ? 0 : err_set(err, ERR_UNAUTHENTICATED, "this is not its signature");
}

void pki_random(void *out, size_t len)
{
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)sim_random(chance, 256);
}

bool tls_who_read(struct tls_who *who, const uint8_t *der, size_t len)
{
    *who = (struct tls_who){.not_after_s = FOREVER_S};
    snprintf(who->name, sizeof who->name, "%.*s", (int)len, (const char *)der);
    snprintf(who->fingerprint, sizeof who->fingerprint, "%.*s", (int)len, (const char *)der);
    return len;
}
