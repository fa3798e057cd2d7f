#include "common/io/pki.h"

#include "common/base/mem.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct pki_ca {
    X509_STORE *store;
};

struct pki_identity {
    EVP_PKEY *key;
    uint8_t *der;
    size_t der_len;
};

void pki_random(void *out, size_t len)
{
    if (RAND_bytes(out, (int)len) != 1)
        abort();
}

/* OpenSSL's error queue is per thread and keeps unread errors: empty it at each failure. */
static int refuse(struct err *err, int code, const char *what, const char *about)
{
    unsigned long error = ERR_peek_error();
    const char *reason =
        ERR_GET_LIB(error) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    ERR_clear_error();
    return err_set(err, code, "%s: %s%s%s", about, what, reason ? ": " : "", reason ? reason : "");
}

static X509 *read_certificate(const char *path)
{
    BIO *file = BIO_new_file(path, "r");
    X509 *cert = file ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    BIO_free(file);
    return cert;
}

int pki_ca_load(struct pki_ca **out, const char *ca_file, struct err *err)
{
    X509 *cert = read_certificate(ca_file);
    if (!cert)
        return refuse(err, ERR_CONFIG, "no certificate of a CA can be read", ca_file);
    struct pki_ca *ca = mem_zalloc(sizeof *ca);
    ca->store = X509_STORE_new();
    if (!ca->store || X509_STORE_add_cert(ca->store, cert) != 1)
        abort();
    X509_free(cert);
    *out = ca;
    return 0;
}

void pki_ca_free(struct pki_ca *ca)
{
    if (!ca)
        return;
    X509_STORE_free(ca->store);
    free(ca);
}

static EVP_PKEY *read_key(const char *path)
{
    BIO *file = BIO_new_file(path, "r");
    /* The empty passphrase keeps OpenSSL from asking at a terminal. */
    EVP_PKEY *key = file ? PEM_read_bio_PrivateKey(file, NULL, NULL, (void *)"") : NULL;
    BIO_free(file);
    return key;
}

int pki_identity_load(struct pki_identity **out, const char *cert_file, const char *key_file, struct err *err)
{
    X509 *cert = read_certificate(cert_file);
    if (!cert)
        return refuse(err, ERR_CONFIG, "no certificate can be read", cert_file);
    EVP_PKEY *key = read_key(key_file);
    if (!key || X509_check_private_key(cert, key) != 1) {
        X509_free(cert);
        EVP_PKEY_free(key);
        return refuse(err, ERR_CONFIG, "no key of the certificate can be read", key_file);
    }
    struct pki_identity *identity = mem_zalloc(sizeof *identity);
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    if (len <= 0)
        abort();
    identity->der = mem_dup(der, (size_t)len);
    identity->der_len = (size_t)len;
    identity->key = key;
    OPENSSL_free(der);
    X509_free(cert);
    *out = identity;
    return 0;
}

void pki_identity_free(struct pki_identity *identity)
{
    if (!identity)
        return;
    EVP_PKEY_free(identity->key);
    free(identity->der);
    free(identity);
}

const uint8_t *pki_identity_cert(const struct pki_identity *identity, size_t *len)
{
    *len = identity->der_len;
    return identity->der;
}

int pki_sign(const struct pki_identity *identity, const void *data, size_t len,
             uint8_t sig[PKI_SIGNATURE_MAX], size_t *sig_len, struct err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    *sig_len = PKI_SIGNATURE_MAX;
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, identity->key) == 1 &&
              EVP_DigestSign(ctx, sig, sig_len, data, len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : refuse(err, ERR_INTERNAL, "cannot sign", "the node's key");
}

/* All bytes must belong to the certificate; trailing bytes are refused. */
static X509 *parse_der(const uint8_t *cert, size_t len)
{
    const unsigned char *at = cert;
    X509 *parsed = len <= 64 * 1024 ? d2i_X509(NULL, &at, (long)len) : NULL;
    if (parsed && at != cert + len) {
        X509_free(parsed);
        parsed = NULL;
    }
    return parsed;
}

static bool chain_holds(const struct pki_ca *ca, X509 *cert)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok = ctx && X509_STORE_CTX_init(ctx, ca->store, cert, NULL) == 1 &&
              X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT) == 1 && X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    return ok;
}

int pki_verify_node(const struct pki_ca *ca, const char *node, const uint8_t *cert, size_t cert_len,
                    struct err *err)
{
    unsigned no_wildcards = X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    X509 *parsed = parse_der(cert, cert_len);
    const char *why = NULL;
    if (!parsed)
        why = "the certificate does not parse";
    else if (!chain_holds(ca, parsed))
        why = "the certificate is not a node's of this cluster's CA, or is not valid now";
    else if (X509_check_host(parsed, node, 0, no_wildcards, NULL) != 1)
        why = "the certificate is of another node";
    X509_free(parsed);
    return why ? refuse(err, ERR_UNAUTHENTICATED, why, node) : 0;
}

int pki_verify_signature(const uint8_t *cert, size_t cert_len, const void *data, size_t len,
                         const uint8_t *sig, size_t sig_len, struct err *err)
{
    X509 *parsed = parse_der(cert, cert_len);
    EVP_PKEY *key = parsed ? X509_get0_pubkey(parsed) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && key && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;
    EVP_MD_CTX_free(ctx);
    X509_free(parsed);
    return ok ? 0
              : refuse(err, ERR_UNAUTHENTICATED, "the signature was not made with its key", "certificate");
}
