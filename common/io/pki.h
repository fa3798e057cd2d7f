/*
 * Certificates, over OpenSSL: a CA of our own, the controller's certificate, one per node, and the proof that
 * a peer holds the key of one. Keys are ECDSA P-256. Beside its host names, the controller's certificate has
 * the name PKI_CONTROLLER_NAME, which agents ask for: so agents need not know the controller's address, and
 * no node can pose as the controller. No state; files are read at each call. Blocking: for start-up and the
 * command line.
 */
#ifndef CORRAL_COMMON_IO_PKI_H
#define CORRAL_COMMON_IO_PKI_H

#include "common/base/err.h"
#include "common/model/sandbox_spec.h"

#include <stddef.h>
#include <stdint.h>

#define PKI_CONTROLLER_NAME "corral-controller"
#define PKI_SIGNATURE_MAX   512
#define PKI_NODE_DAYS       365 /* a node's certificate is valid for */
#define PKI_RENEW_DAYS      30  /* renewed this long before its end */

struct pki_ca;
struct pki_identity;

/*
 * Makes ca.crt, ca.key, controller.crt and controller.key in dir (which is made if missing), all mode 0600.
 * hostnames (may be NULL): DNS names or IP addresses for the controller's certificate. ERR_CONFLICT: there is
 * a CA already; nothing is changed.
 */
int pki_init(const char *dir, const struct string_list *hostnames, struct err *err) MUST_CHECK;

/*
 * Makes NODE.crt and NODE.key in out_dir, signed by the CA in dir and valid for so many days, and puts a copy
 * of ca.crt beside them. Waits for the beginning of a second and dates the certificate then, so it is from a
 * later second than any earlier revocation. ERR_INVALID: not a node's name, or not 1 to PKI_NODE_DAYS.
 * ERR_CONFLICT: the files exist; nothing is changed.
 */
int pki_issue(const char *dir, const char *node, unsigned days, const char *out_dir,
              struct err *err) MUST_CHECK;

/*
 * Makes a certificate for the same node and key as cert (DER, already verified), valid from now, signed by
 * the CA of these files. The caller frees *out. ERR_CONFIG: the CA cannot be used.
 */
int pki_renew(const char *ca_file, const char *ca_key_file, const char *node, const uint8_t *cert,
              size_t cert_len, uint8_t **out, size_t *out_len, struct err *err) MUST_CHECK;

/*
 * Replaces cert_file atomically by this certificate (DER), if that is of the same CA, key and node and valid
 * for longer. ERR_UNAUTHENTICATED otherwise.
 */
int pki_replace(const char *cert_file, const char *key_file, const char *ca_file, const char *node,
                const uint8_t *cert, size_t cert_len, struct err *err) MUST_CHECK;

/* The end of validity of the certificate in a file, as Unix time. ERR_CONFIG. */
int pki_ends_s(const char *cert_file, int64_t *ends_s, struct err *err) MUST_CHECK;

/* Loads the certificate that peers' certificates are checked against. The caller frees *out. */
int pki_ca_load(struct pki_ca **out, const char *ca_file, struct err *err) MUST_CHECK;
void pki_ca_free(struct pki_ca *ca);

/* Loads a certificate and its key; ERR_CONFIG if they do not belong together. The caller frees *out. */
int pki_identity_load(struct pki_identity **out, const char *cert_file, const char *key_file,
                      struct err *err) MUST_CHECK;
void pki_identity_free(struct pki_identity *identity);

/* The certificate in DER. Borrowed. */
const uint8_t *pki_identity_cert(const struct pki_identity *identity, size_t *len);

/* Signs data with the identity's key; *sig_len gets the length of the signature. */
int pki_sign(const struct pki_identity *identity, const void *data, size_t len,
             uint8_t sig[PKI_SIGNATURE_MAX], size_t *sig_len, struct err *err) MUST_CHECK;

/* Whether the certificate (DER, a peer's bytes) is signed by this CA, valid now, meant for a node, and
 * has this name. */
int pki_verify_node(const struct pki_ca *ca, const char *node, const uint8_t *cert, size_t cert_len,
                    struct err *err) MUST_CHECK;

/* Whether data was signed by the certificate's key. ERR_UNAUTHENTICATED if not. */
int pki_verify_signature(const uint8_t *cert, size_t cert_len, const void *data, size_t len,
                         const uint8_t *sig, size_t sig_len, struct err *err) MUST_CHECK;

/* Fills out with unpredictable random bytes. Aborts if the system has none. */
void pki_random(void *out, size_t len);

#endif
