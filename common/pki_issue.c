#include "common/mem.h"
#include "common/pki.h"

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
#include <unistd.h>

#define VALID_DAYS    3650
#define BACKDATE_DAYS 1 /* for a host whose clock is behind */
#define NAMES_MAX     4096

/* What a certificate says beside its key. A CA has no names and no use. */
struct subject {
    const char *common_name;
    const char *alt_names; /* as OpenSSL's configuration spells them: "DNS:a,IP:::1" */
    const char *use;       /* serverAuth or clientAuth */
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!extension || X509_add_ext(cert, extension, -1) != 1)
        abort(); /* every value is made here, from names that were checked */
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

/* issuer NULL: signs itself. */
static X509 *make_certificate(const struct subject *subject, EVP_PKEY *key, X509 *issuer,
                              EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    if (!cert || X509_set_version(cert, 2) != 1)
        abort();
    set_serial(cert);
    X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_DAYS * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(cert), VALID_DAYS * 86400L);
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

/* Never writes over a file: a key that is lost so cannot be had again. */
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

/* Letters, digits, '-' and '.': so that no name can add a field of its own to the list of names. */
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
    struct subject controller = {PKI_CONTROLLER_NAME, names, "serverAuth"};
    X509 *cert = make_certificate(&controller, key, ca, ca_key);
    /* The CA's pair is written last: its presence says that the others are there. */
    rc = write_pair(dir, "controller", cert, key, err);
    if (!rc)
        rc = write_pair(dir, "ca", ca, ca_key, err);
    X509_free(ca);
    X509_free(cert);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return rc;
}

static int load_ca(const char *dir, X509 **cert, EVP_PKEY **key, struct err *err)
{
    char path[PATH_MAX];
    int rc = path_of(path, dir, "ca", ".crt", err);
    if (rc)
        return rc;
    BIO *file = BIO_new_file(path, "r");
    *cert = file ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    BIO_free(file);
    rc = path_of(path, dir, "ca", ".key", err);
    file = rc ? NULL : BIO_new_file(path, "r");
    *key = file ? PEM_read_bio_PrivateKey(file, NULL, NULL, (void *)"") : NULL;
    BIO_free(file);
    ERR_clear_error();
    if (*cert && *key && X509_check_private_key(*cert, *key) == 1)
        return 0;
    X509_free(*cert);
    EVP_PKEY_free(*key);
    return err_set(err, ERR_CONFIG, "%s: no CA can be read here (pki init makes one)", dir);
}

static int copy_ca(const char *out_dir, X509 *ca, struct err *err)
{
    char path[PATH_MAX];
    int rc = path_of(path, out_dir, "ca", ".crt", err);
    if (!rc && access(path, F_OK) != 0)
        rc = write_file(path, ca, NULL, err);
    return rc;
}

/* As node names are written, and not the name by which agents know the controller. */
static bool may_be_node(const char *node)
{
    size_t len = strlen(node);
    return len > 0 && len <= 63 && strspn(node, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len &&
           !strchr("-.", node[0]) && !strchr("-.", node[len - 1]) && strcmp(node, PKI_CONTROLLER_NAME) != 0 &&
           strcmp(node, "ca") != 0 && strcmp(node, "controller") != 0;
}

int pki_issue(const char *dir, const char *node, const char *out_dir, struct err *err)
{
    char names[80];
    X509 *ca;
    EVP_PKEY *ca_key;
    if (!may_be_node(node))
        return err_set(err, ERR_INVALID, "%s: no name for a node (a-z, 0-9, '-' and '.', at most 63)", node);
    int rc = load_ca(dir, &ca, &ca_key, err);
    if (rc)
        return rc;
    EVP_PKEY *key = make_key();
    snprintf(names, sizeof names, "DNS:%s", node);
    X509 *cert = make_certificate(&(struct subject){node, names, "clientAuth"}, key, ca, ca_key);
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
