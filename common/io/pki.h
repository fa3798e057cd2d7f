/*
 * Certificates: a CA of our own, the controller's certificate, one per node, and the proof that somebody
 * holds the key of one (over OpenSSL). Keys are ECDSA P-256. The controller's certificate carries, beside its
 * host names, the name PKI_CONTROLLER_NAME, which agents ask for: so they need not know its address, and no
 * node can pose as it. No state; the files are read where they are named. Blocking: for start-up and the
 * command line.
 */
#ifndef CORRAL_COMMON_PKI_H
#define CORRAL_COMMON_PKI_H

#include "common/base/err.h"
#include "common/model/sandbox_spec.h"

#include <stddef.h>
#include <stdint.h>

#define PKI_CONTROLLER_NAME "corral-controller"
#define PKI_SIGNATURE_MAX   512
#define PKI_NODE_DAYS       365 /* that a node's certificate is good */
#define PKI_RENEW_DAYS      30  /* before its end */

struct pki_ca;
struct pki_identity;

/*
 * Makes ca.crt, ca.key, controller.crt and controller.key in dir (made if it is missing), all mode 0600.
 * hostnames (may be NULL): DNS names or IP addresses for the controller's certificate.
 * ERR_CONFLICT: there is a CA already; nothing is changed.
 */
int pki_init(const char *dir, const struct string_list *hostnames, struct err *err) MUST_CHECK;

/*
 * Makes NODE.crt and NODE.key in out_dir, signed by the CA in dir and good for so many days, and puts a copy
 * of ca.crt beside them. Waits for the beginning of a second, and says that it was issued then: so it is of a
 * later second than any revocation before it. ERR_INVALID: no name for a node, or not 1 to PKI_NODE_DAYS.
 * ERR_CONFLICT: the files are there; nothing is changed.
 */
int pki_issue(const char *dir, const char *node, unsigned days, const char *out_dir,
              struct err *err) MUST_CHECK;

/*
 * A certificate for the same node and key as cert (DER) has, from now on, by the CA of these files; it was
 * verified before. The caller frees *out. ERR_CONFIG: the CA cannot be used.
 */
int pki_renew(const char *ca_file, const char *ca_key_file, const char *node, const uint8_t *cert,
              size_t cert_len, uint8_t **out, size_t *out_len, struct err *err) MUST_CHECK;

/*
 * Puts a certificate (DER) in the place of cert_file, at once or not at all, where it is of the same CA, key
 * and node and good for longer. ERR_UNAUTHENTICATED where it is not.
 */
int pki_replace(const char *cert_file, const char *key_file, const char *ca_file, const char *node,
                const uint8_t *cert, size_t cert_len, struct err *err) MUST_CHECK;

/* Until when the certificate of a file is good, as Unix time. ERR_CONFIG. */
int pki_ends_s(const char *cert_file, int64_t *ends_s, struct err *err) MUST_CHECK;

/* The certificate that others are checked against. The caller frees *out. */
int pki_ca_load(struct pki_ca **out, const char *ca_file, struct err *err) MUST_CHECK;
void pki_ca_free(struct pki_ca *ca);

/* A certificate and its key; ERR_CONFIG where they do not belong together. The caller frees *out. */
int pki_identity_load(struct pki_identity **out, const char *cert_file, const char *key_file,
                      struct err *err) MUST_CHECK;
void pki_identity_free(struct pki_identity *identity);

/* The certificate in DER. Borrowed. */
const uint8_t *pki_identity_cert(const struct pki_identity *identity, size_t *len);

/* Signs data with the identity's key; *sig_len gets what of sig is used. */
int pki_sign(const struct pki_identity *identity, const void *data, size_t len,
             uint8_t sig[PKI_SIGNATURE_MAX], size_t *sig_len, struct err *err) MUST_CHECK;

/* Whether the certificate (DER, a peer's bytes) is of this CA, in its time, for a node, and of this name. */
int pki_verify_node(const struct pki_ca *ca, const char *node, const uint8_t *cert, size_t cert_len,
                    struct err *err) MUST_CHECK;

/* Whether the holder of the certificate's key signed data. ERR_UNAUTHENTICATED where not. */
int pki_verify_signature(const uint8_t *cert, size_t cert_len, const void *data, size_t len,
                         const uint8_t *sig, size_t sig_len, struct err *err) MUST_CHECK;

/* Random bytes that nobody can guess. Aborts where the system has none. */
void pki_random(void *out, size_t len);

#endif
