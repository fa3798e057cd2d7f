#include "common/base/mem.h"
#include "common/io/pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VALID_DAYS    3650 /* validity of the CA's and the controller's certificates */
#define BACKDATE_DAYS 1    /* their validity begins earlier, for a machine whose clock is behind */
#define NAMES_MAX     4096

/* What a certificate says beside its key. A CA's has no alternative names and no use. */
struct subject {
    const char *common_name;
    const char *alt_names; /* in the form of OpenSSL's configuration: "DNS:a,IP:::1" */
    const char *use;       /* serverAuth or clientAuth */
    unsigned days;         /* validity from this second on; 0: as of a CA and a controller */
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!extension || X509_add_ext(cert, extension, -1) != 1)
        abort(); /* a bug: every value is made here, from names that were checked */
    X509_EXTENSION_free(extension);
}

static void set_serial(X509 *cert)
{
    unsigned char random[16];
    pki_random(random, sizeof random);
    random[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(random, sizeof random, NULL);
    if (!number || !BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)))
        abort();
    BN_free(number);
}

/* issuer NULL: self-signed. */
static X509 *make_certificate(const struct subject *subject, EVP_PKEY *key, X509 *issuer,
                              EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    if (!cert || X509_set_version(cert, 2) != 1)
        abort();
    set_serial(cert);
    X509_gmtime_adj(X509_getm_notBefore(cert), subject->days ? 0 : -BACKDATE_DAYS * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(cert), (subject->days ? (long)subject->days : VALID_DAYS) * 86400L);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)subject->common_name, -1, -1,
                               0);
    X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name);
    X509_set_pubkey(cert, key);
    add_extension(cert, issuer ? issuer : cert, NID_subject_key_identifier, "hash");
    add_extension(cert, issuer ? issuer : cert, NID_basic_constraints,
                  issuer ? "critical,CA:FALSE" : "critical,CA:TRUE,pathlen:0");
    add_extension(cert, issuer ? issuer : cert, NID_key_usage,
                  issuer ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign");
    if (subject->use)
        add_extension(cert, issuer, NID_ext_key_usage, subject->use);
    if (subject->alt_names)
        add_extension(cert, issuer, NID_subject_alt_name, subject->alt_names);
    if (!X509_sign(cert, issuer ? issuer_key : key, EVP_sha256()))
        abort();
    return cert;
}

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key)
        abort();
    return key;
}

/* Never overwrites a file: a lost key cannot be recovered. */
static int write_file(const char *path, X509 *cert, EVP_PKEY *key, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: %s", path, strerror(errno));
    FILE *file = fdopen(fd, "w");
    if (!file)
        abort();
    bool ok = cert ? PEM_write_X509(file, cert) == 1
                   : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    ok = fflush(file) == 0 && fsync(fd) == 0 && ok;
    ok = fclose(file) == 0 && ok;
    if (ok)
        return 0;
    unlink(path);
    return err_set(err, ERR_IO, "%s: cannot be written", path);
}

static int path_of(char out[PATH_MAX], const char *dir, const char *stem, const char *suffix, struct err *err)
{
    int len = snprintf(out, PATH_MAX, "%s/%s%s", dir, stem, suffix);
    return len < PATH_MAX ? 0 : err_set(err, ERR_INVALID, "%s: the path is too long", dir);
}

/* Writes STEM.key and STEM.crt, both or none. */
static int write_pair(const char *dir, const char *stem, X509 *cert, EVP_PKEY *key, struct err *err)
{
    char key_path[PATH_MAX], cert_path[PATH_MAX];
    int rc = path_of(key_path, dir, stem, ".key", err);
    if (!rc)
        rc = path_of(cert_path, dir, stem, ".crt", err);
    if (!rc)
        rc = write_file(key_path, NULL, key, err);
    if (rc)
        return rc;
    rc = write_file(cert_path, cert, NULL, err);
    if (rc)
        unlink(key_path);
    return rc;
}

static int make_dir(const char *dir, struct err *err)
{
    if (mkdir(dir, 0700) == 0 || errno == EEXIST)
        return 0;
    return err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
}

/* Letters, digits, '-' and '.' only, so that no name can add a field to the list of names. */
static bool dns_name_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t len = strlen(name);
    return len > 0 && len <= 253 && strspn(name, allowed) == len;
}

static int controller_names(char out[NAMES_MAX], const struct string_list *hostnames, struct err *err)
{
    size_t at = (size_t)snprintf(out, NAMES_MAX, "DNS:%s", PKI_CONTROLLER_NAME);
    for (size_t i = 0; hostnames && i < hostnames->count; i++) {
        const char *name = hostnames->item[i];
        uint8_t address[16];
        bool ip = inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
        if (!ip && !dns_name_valid(name))
            return err_set(err, ERR_INVALID, "%s: neither a DNS name nor an IP address", name);
        at += (size_t)snprintf(out + at, NAMES_MAX - at, ",%s:%s", ip ? "IP" : "DNS", name);
        if (at >= NAMES_MAX)
            return err_set(err, ERR_INVALID, "too many host names");
    }
    return 0;
}

int pki_init(const char *dir, const struct string_list *hostnames, struct err *err)
{
    char names[NAMES_MAX], ca_cert_path[PATH_MAX];
    int rc = controller_names(names, hostnames, err);
    if (!rc)
        rc = make_dir(dir, err);
    if (!rc)
        rc = path_of(ca_cert_path, dir, "ca", ".crt", err);
    if (rc)
        return rc;
    if (access(ca_cert_path, F_OK) == 0)
        return err_set(err, ERR_CONFLICT, "%s: there is a CA already", ca_cert_path);
    EVP_PKEY *ca_key = make_key(), *key = make_key();
    X509 *ca = make_certificate(&(struct subject){.common_name = "Corral CA"}, ca_key, NULL, NULL);
    struct subject controller = {PKI_CONTROLLER_NAME, names, "serverAuth", 0};
    X509 *cert = make_certificate(&controller, key, ca, ca_key);
    /* The CA's pair is written last: if it is there, the others are too. */
    rc = write_pair(dir, "controller", cert, key, err);
    if (!rc)
        rc = write_pair(dir, "ca", ca, ca_key, err);
    X509_free(ca);
    X509_free(cert);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return rc;
}

static int load_pair(const char *cert_path, const char *key_path, X509 **cert, EVP_PKEY **key,
                     struct err *err)
{
    BIO *file = BIO_new_file(cert_path, "r");
    *cert = file ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    BIO_free(file);
    file = BIO_new_file(key_path, "r");
    *key = file ? PEM_read_bio_PrivateKey(file, NULL, NULL, (void *)"") : NULL;
    BIO_free(file);
    ERR_clear_error();
    if (*cert && *key && X509_check_private_key(*cert, *key) == 1)
        return 0;
    X509_free(*cert);
    EVP_PKEY_free(*key);
    return err_set(err, ERR_CONFIG,
                   "%s and %s: no certificate and its key can be read here (pki init makes a CA)", cert_path,
                   key_path);
}

static int load_ca(const char *dir, X509 **cert, EVP_PKEY **key, struct err *err)
{
    char cert_path[PATH_MAX], key_path[PATH_MAX];
    int rc = path_of(cert_path, dir, "ca", ".crt", err);
    if (!rc)
        rc = path_of(key_path, dir, "ca", ".key", err);
    return rc ? rc : load_pair(cert_path, key_path, cert, key, err);
}

static int copy_ca(const char *out_dir, X509 *ca, struct err *err)
{
    char path[PATH_MAX];
    int rc = path_of(path, out_dir, "ca", ".crt", err);
    if (!rc && access(path, F_OK) != 0)
        rc = write_file(path, ca, NULL, err);
    return rc;
}

/* A valid node name that is not the name by which agents know the controller. */
static bool may_be_node(const char *node)
{
    size_t len = strlen(node);
    return len > 0 && len <= 63 && strspn(node, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len &&
           !strchr("-.", node[0]) && !strchr("-.", node[len - 1]) && strcmp(node, PKI_CONTROLLER_NAME) != 0 &&
           strcmp(node, "ca") != 0 && strcmp(node, "controller") != 0;
}

static X509 *certify_node(const char *node, unsigned days, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
    char names[80];
    snprintf(names, sizeof names, "DNS:%s", node);
    return make_certificate(&(struct subject){node, names, "clientAuth", days}, key, ca, ca_key);
}

static void await_next_second(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct timespec next = {.tv_sec = now.tv_sec + 1};
    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &next, NULL) == EINTR)
        continue;
}

int pki_issue(const char *dir, const char *node, unsigned days, const char *out_dir, struct err *err)
{
    X509 *ca;
    EVP_PKEY *ca_key;
    if (days < 1 || days > PKI_NODE_DAYS)
        return err_set(err, ERR_INVALID, "a node's certificate is valid for 1 to %d days", PKI_NODE_DAYS);
    if (!may_be_node(node))
        return err_set(err, ERR_INVALID, "%s: not a valid name of a node (a-z, 0-9, '-' and '.', at most 63)",
                       node);
    int rc = load_ca(dir, &ca, &ca_key, err);
    if (rc)
        return rc;
    EVP_PKEY *key = make_key();
    await_next_second();
    X509 *cert = certify_node(node, days, key, ca, ca_key);
    rc = make_dir(out_dir, err);
    if (!rc)
        rc = write_pair(out_dir, node, cert, key, err);
    if (!rc)
        rc = copy_ca(out_dir, ca, err);
    X509_free(cert);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return rc;
}

int pki_renew(const char *ca_file, const char *ca_key_file, const char *node, const uint8_t *cert,
              size_t cert_len, uint8_t **out, size_t *out_len, struct err *err)
{
    const unsigned char *at = cert;
    unsigned char *der = NULL;
    X509 *ca, *old = d2i_X509(NULL, &at, (long)cert_len);
    EVP_PKEY *ca_key, *key = old ? X509_get0_pubkey(old) : NULL;
    if (!key || !may_be_node(node)) {
        X509_free(old);
        return err_set(err, ERR_INVALID, "%s: its certificate cannot be renewed", node);
    }
    int rc = load_pair(ca_file, ca_key_file, &ca, &ca_key, err);
    if (!rc) {
        X509 *renewed = certify_node(node, PKI_NODE_DAYS, key, ca, ca_key);
        int len = i2d_X509(renewed, &der);
        if (len <= 0)
            abort();
        *out = mem_dup(der, (size_t)len);
        *out_len = (size_t)len;
        OPENSSL_free(der);
        X509_free(renewed);
        X509_free(ca);
        EVP_PKEY_free(ca_key);
    }
    X509_free(old);
    return rc;
}

/* Writes a temporary file first and renames it, so that the file is whole at any moment. */
static int write_over(const char *path, X509 *cert, struct err *err)
{
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside)
        return err_set(err, ERR_INVALID, "%s: the path is too long", path);
    unlink(beside);
    int rc = write_file(beside, cert, NULL, err);
    if (!rc && rename(beside, path)) {
        rc = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        unlink(beside);
    }
    return rc;
}

int pki_replace(const char *cert_file, const char *key_file, const char *ca_file, const char *node,
                const uint8_t *cert, size_t cert_len, struct err *err)
{
    const unsigned char *at = cert;
    X509 *old;
    EVP_PKEY *key;
    struct pki_ca *ca = NULL;
    int rc = load_pair(cert_file, key_file, &old, &key, err);
    if (rc)
        return rc;
    rc = pki_ca_load(&ca, ca_file, err);
    if (!rc)
        rc = pki_verify_node(ca, node, cert, cert_len, err);
    X509 *fresh = rc ? NULL : d2i_X509(NULL, &at, (long)cert_len);
    if (!rc && (!fresh || X509_check_private_key(fresh, key) != 1 ||
                ASN1_TIME_compare(X509_get0_notAfter(fresh), X509_get0_notAfter(old)) <= 0))
        rc = err_set(err, ERR_UNAUTHENTICATED,
                     "the certificate that was received is not a later one for this node's key");
    if (!rc)
        rc = write_over(cert_file, fresh, err);
    ERR_clear_error();
    pki_ca_free(ca);
    X509_free(fresh);
    X509_free(old);
    EVP_PKEY_free(key);
    return rc;
}

int pki_ends_s(const char *cert_file, int64_t *ends_s, struct err *err)
{
    BIO *file = BIO_new_file(cert_file, "r");
    X509 *cert = file ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    ASN1_TIME *zero = ASN1_TIME_set(NULL, 0);
    int days, seconds;
    bool ok = cert && zero && ASN1_TIME_diff(&days, &seconds, zero, X509_get0_notAfter(cert)) == 1;
    if (ok)
        *ends_s = (int64_t)days * 86400 + seconds;
    ASN1_TIME_free(zero);
    X509_free(cert);
    BIO_free(file);
    ERR_clear_error();
    return ok ? 0 : err_set(err, ERR_CONFIG, "%s: no certificate can be read", cert_file);
}
