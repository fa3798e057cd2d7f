/* Loads a certificate and its key from files, for TLS. Private to common/io/tls_*.c. */
#ifndef CORRAL_COMMON_IO_TLS_FILES_H
#define CORRAL_COMMON_IO_TLS_FILES_H

#include "common/base/err.h"

#include <openssl/ssl.h>

/* PEM. The certificate file holds the chain that peers get, the own certificate first. ERR_CONFIG names
 * the file and the reason. */
int tls_files_load(SSL_CTX *context, const char *cert_file, const char *key_file, struct err *e) MUST_CHECK;

/* Returns ERR_CONFIG with OpenSSL's reason, and empties OpenSSL's error queue, which is per thread and
 * keeps unread errors. */
int tls_files_refuse(struct err *e, const char *file, const char *what);

#endif
