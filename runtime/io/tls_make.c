/* Self-signed certificates, so that a first start needs no preparation: ECDSA P-256, valid for 825 days (the longest
 * that Apple's systems accept), the host as dNSName. The file appears whole or not at all and never replaces
 * another. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/io/tls_inner.h"
#include "runtime/log.h"
#include "runtime/mem/buf.h"
#include "runtime/outside.h"

#define VALID_DAYS 825
#define SERIAL_BYTES 16
#define COMMON_NAME_MAX 64 /* RFC 5280, ub-common-name */

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

static void add_name(GENERAL_NAMES *names, int type, const void *bytes, size_t n)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *value = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

	ASSERT(name && value && ASN1_STRING_set(value, bytes, (int)n) == 1);
	GENERAL_NAME_set0_value(name, type, value);
	sk_GENERAL_NAME_push(names, name);
}

static bool add_alternative_names(X509 *cert, const char *host)
{
	static const uint8_t ipv4[4] = { 127, 0, 0, 1 }, ipv6[16] = { [15] = 1 };
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool ok = true;

	ASSERT(names);
	if (is_ascii(host)) /* an international name has no place in a dNSName, and its A-label is not known here */
		add_name(names, GEN_DNS, host, strlen(host));
	if (strcmp(host, "localhost") == 0) {
		add_name(names, GEN_IPADD, ipv4, sizeof(ipv4));
		add_name(names, GEN_IPADD, ipv6, sizeof(ipv6));
	}
	if (sk_GENERAL_NAME_num(names) > 0)
		ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1;
	GENERAL_NAMES_free(names);
	return ok;
}

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool ok = extension && X509_add_ext(cert, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return ok;
}

static bool set_serial(X509 *cert)
{
	uint8_t bytes[SERIAL_BYTES];
	BIGNUM *number;
	bool ok;

	outside_random(bytes, sizeof(bytes));
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and as long as it says */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return ok;
}

static bool set_names(X509 *cert, const char *host)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	const char *common = strlen(host) <= COMMON_NAME_MAX ? host : "switchboard";

	return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)common, -1, -1,
					  0) == 1 &&
	       X509_set_issuer_name(cert, subject) == 1;
}

static X509 *make_certificate(EVP_PKEY *key, const char *host)
{
	time_t now = (time_t)(outside_wall_us() / 1000000u);
	X509 *cert = X509_new();

	if (cert && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) && set_names(cert, host) &&
	    X509_time_adj_ex(X509_getm_notBefore(cert), 0, -3600, &now) && /* clients' clocks differ */
	    X509_time_adj_ex(X509_getm_notAfter(cert), VALID_DAYS - 1, 0, &now) && X509_set_pubkey(cert, key) == 1 &&
	    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    add_extension(cert, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
	    add_extension(cert, NID_ext_key_usage, "serverAuth") && add_alternative_names(cert, host) &&
	    X509_sign(cert, key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

/* OpenSSL writes to the descriptor directly and wipes its own copies: the key stays in no buffer of ours. */
static bool write_pem(int fd, X509 *cert, EVP_PKEY *key)
{
	BIO *out = BIO_new_fd(fd, BIO_NOCLOSE);
	bool ok = out && PEM_write_bio_X509(out, cert) == 1 &&
		  PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1;

	BIO_free(out);
	return ok && fsync(fd) == 0;
}

static char *write_file(const char *path, X509 *cert, EVP_PKEY *key)
{
	struct buf name = BUF_INIT;
	char *fresh, *problem = NULL;
	bool ok;
	int fd;

	buf_addf(&name, "%s.XXXXXX", path);
	fresh = buf_take_text(&name);
	fd = mkstemp(fresh); /* mode 0600 */
	if (fd < 0) {
		problem = tls_problem(path, strerror(errno));
		free(fresh);
		return problem;
	}
	ok = write_pem(fd, cert, key);
	/* Unlike rename, link never replaces. */
	if (close(fd) != 0 || !ok || (link(fresh, path) != 0 && errno != EEXIST))
		problem = tls_problem(path, strerror(errno));
	unlink(fresh);
	free(fresh);
	return problem;
}

char *tls_make(const char *directory, const char *path, const char *host)
{
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	char *problem;

	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return tls_problem(directory, strerror(errno));
	key = EVP_EC_gen("P-256");
	cert = key ? make_certificate(key, host) : NULL;
	problem = cert ? write_file(path, cert, key) : tls_problem(path, "cannot make a certificate");
	if (!problem)
		LOG_WARNING("tls", "%s: made a self-signed certificate for %s; put one that clients trust in its place",
			    path, host);
	X509_free(cert);
	EVP_PKEY_free(key);
	return problem;
}
