#include "common/io/tls_files.h"

#include <openssl/err.h>

int tls_files_refuse(struct err *e, const char *file, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return err_set(e, ERR_CONFIG, "%s: %s%s%s", file, what, reason ? ": " : "", reason ? reason : "");
}

/* Keeps OpenSSL from asking for a passphrase at the terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    return 0;
}

int tls_files_load(SSL_CTX *context, const char *cert_file, const char *key_file, struct err *e)
{
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, cert_file) != 1)
        return tls_files_refuse(e, cert_file, "no certificate can be read");
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        return tls_files_refuse(e, key_file, "no key of this certificate can be read");
    return 0;
}
