/* A certificate and its key from their files, for whatever speaks TLS. Private to common/tls_*.c. */
#ifndef CORRAL_COMMON_TLS_FILES_H
#define CORRAL_COMMON_TLS_FILES_H

#include "common/base/err.h"

#include <openssl/ssl.h>

/* PEM; of the certificate the chain that peers get, its own first. ERR_CONFIG names the file and why. */
int tls_files_load(SSL_CTX *context, const char *cert_file, const char *key_file, struct err *e) MUST_CHECK;

/* ERR_CONFIG with OpenSSL's reason. Empties its queue, which is per thread and keeps what nobody read. */
int tls_files_refuse(struct err *e, const char *file, const char *what);

#endif
