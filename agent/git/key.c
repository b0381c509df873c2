/* SPDX-License-Identifier: MIT */
#include "git/key.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "git/base64.h"
#include "git/sshstring.h"

#include <errno.h>
#include <string.h>

/*
 * The deploy key, looked at before libssh2 gets it: for each of the ways in which a key
 * is unusable, libssh2 has the same few words, and it reads line by line what forms and
 * parameter stores may have joined or ended in CR. So the text is taken apart here and
 * written anew.
 */

#define LINE_CHARACTERS 64
#define PUBLIC_LINE_MAX_BYTES 200 /* ed25519 and ecdsa fit; the longest sentence, too */
#define BEGIN_TEXT "-----BEGIN "
#define END_TEXT "-----END "
#define DASHES "-----"
#define OPENSSH_LABEL "OPENSSH PRIVATE KEY"
#define OPENSSH_MAGIC "openssh-key-v1" /* with its NUL */
#define KEY_COUNT_BYTES 4

static const char *const usable_types[] = {
	"ssh-ed25519",
	"ecdsa-sha2-nistp256",
	"ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521",
	"ssh-rsa",
};

static const struct {
	const char *label;
	const char *type; /* NULL: its contents say so */
} labels[] = {
	{ OPENSSH_LABEL, NULL },    { "RSA PRIVATE KEY", "ssh-rsa" },
	{ "EC PRIVATE KEY", NULL }, { "DSA PRIVATE KEY", "ssh-dss" },
	{ "PRIVATE KEY", NULL },
};

/* rsaEncryption, an object identifier in DER. */
static const unsigned char rsa_oid[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					 0xf7, 0x0d, 0x01, 0x01, 0x01 };
#define RSA_OID_WITHIN_BYTES 64

struct pem {
	char *label;
	char *body; /* borrowed from the text */
	unsigned char *data;
	size_t body_bytes, data_bytes;
};

static void wipe(void *data, size_t length_bytes)
{
	if (data)
		explicit_bzero(data, length_bytes);
	free(data);
}

static void pem_done(struct pem *pem)
{
	free(pem->label);
	wipe(pem->data, pem->data_bytes);
}

static int refuse_passphrase(struct error *err)
{
	return error_set(err, EINVAL,
			 "the private key has a passphrase, and nobody is there to type "
			 "it: make a key without one (ssh-keygen -t ed25519 -N '')");
}

static int refuse_damaged(struct error *err)
{
	return error_set(err, EINVAL,
			 "the private key is damaged: what stands between its BEGIN and "
			 "END lines was cut or changed; store it again as it is in the "
			 "file");
}

static int refuse_other(const char *text, struct error *err)
{
	if (strncmp(text, "ssh-", 4) == 0 || strncmp(text, "ecdsa-", 6) == 0 ||
	    strncmp(text, "sk-", 3) == 0 || strstr(text, "PUBLIC KEY"))
		return error_set(err, EINVAL,
				 "what is given as the private key is a public key: the "
				 "file without .pub is the private one");
	if (strstr(text, "PuTTY-User-Key-File"))
		return error_set(err, EINVAL,
				 "the private key is in PuTTY's form: convert it with "
				 "puttygen -O private-openssh");
	return error_set(err, EINVAL,
			 "what is given as the private key is none: it must begin with "
			 "'-----BEGIN OPENSSH PRIVATE KEY-----' or the like");
}

/* Finds the text between the BEGIN line and its END line. */
static int find_body(const char *text, struct pem *pem, struct error *err)
{
	const char *begin = strstr(text, BEGIN_TEXT);
	const char *label = begin ? begin + strlen(BEGIN_TEXT) : NULL;
	const char *label_end = label ? strstr(label, DASHES) : NULL;
	const char *body = label_end ? label_end + strlen(DASHES) : NULL;
	const char *end = body ? strstr(body, END_TEXT) : NULL;

	if (!label_end || strstr(text, "PUBLIC KEY"))
		return refuse_other(text + strspn(text, " \t\r\n"), err);
	if (!end)
		return refuse_damaged(err);
	pem->label = strndup(label, (size_t)(label_end - label));
	if (!pem->label)
		abort();
	pem->body = (char *)body;
	pem->body_bytes = (size_t)(end - body);
	return 0;
}

static int read_label(const struct pem *pem, struct key *key, struct error *err)
{
	if (strcmp(pem->label, "ENCRYPTED PRIVATE KEY") == 0 ||
	    memmem(pem->body, pem->body_bytes, "ENCRYPTED", strlen("ENCRYPTED")))
		return refuse_passphrase(err);
	for (size_t i = 0; i < ARRAY_COUNT(labels); i++)
		if (strcmp(pem->label, labels[i].label) == 0) {
			key->type = text_copy(labels[i].type);
			return 0;
		}
	return refuse_other("", err);
}

/* What every reader of that format must skip before the first public key. */
static bool read_openssh_head(struct sshstring *rest, struct sshstring *ret_cipher)
{
	struct sshstring skipped;

	if (rest->length_bytes < sizeof(OPENSSH_MAGIC) ||
	    memcmp(rest->data, OPENSSH_MAGIC, sizeof(OPENSSH_MAGIC)) != 0)
		return false;
	rest->data += sizeof(OPENSSH_MAGIC);
	rest->length_bytes -= sizeof(OPENSSH_MAGIC);
	if (!sshstring_take(rest, ret_cipher) || !sshstring_take(rest, &skipped) ||
	    !sshstring_take(rest, &skipped) || rest->length_bytes < KEY_COUNT_BYTES)
		return false;
	rest->data += KEY_COUNT_BYTES;
	rest->length_bytes -= KEY_COUNT_BYTES;
	return true;
}

static int read_openssh(const struct pem *pem, struct key *key, struct error *err)
{
	struct sshstring rest = { pem->data, pem->data_bytes };
	struct sshstring cipher, public_blob, private_blob, type, left;
	autofree char *encoded = NULL;

	if (!read_openssh_head(&rest, &cipher))
		return refuse_damaged(err);
	if (!sshstring_is(cipher, "none"))
		return refuse_passphrase(err);
	if (!sshstring_take(&rest, &public_blob) || !sshstring_take(&rest, &private_blob))
		return refuse_damaged(err);
	left = public_blob;
	if (!sshstring_take(&left, &type))
		return refuse_damaged(err);
	key->type = sshstring_copy(type);
	encoded = base64_encode(public_blob.data, public_blob.length_bytes);
	if (strlen(key->type) + strlen(encoded) < PUBLIC_LINE_MAX_BYTES)
		key->public_line = text_format("%s %s", key->type, encoded);
	return 0;
}

static int read_type(const struct pem *pem, struct key *key, struct error *err)
{
	size_t searched_bytes = pem->data_bytes < RSA_OID_WITHIN_BYTES
		? pem->data_bytes
		: RSA_OID_WITHIN_BYTES;

	if (strcmp(pem->label, OPENSSH_LABEL) == 0)
		return read_openssh(pem, key, err);
	if (!key->type && memmem(pem->data, searched_bytes, rsa_oid, sizeof(rsa_oid)))
		key->type = text_copy("ssh-rsa");
	return 0;
}

static int check_type(const struct key *key, struct error *err)
{
	if (!key->type)
		return 0;
	for (size_t i = 0; i < ARRAY_COUNT(usable_types); i++)
		if (strcmp(key->type, usable_types[i]) == 0)
			return 0;
	return error_set(
		err, EINVAL,
		"a private key of the type '%.40s' cannot be used here: make one "
		"with ssh-keygen -t ed25519",
		key->type);
}

/* The key in lines, as every reader wants it. */
static char *write_anew(const struct pem *pem)
{
	char *encoded = base64_encode(pem->data, pem->data_bytes);
	size_t left = strlen(encoded), encoded_bytes = left;
	size_t size_bytes = left + left / LINE_CHARACTERS + 2 * strlen(pem->label) + 64;
	char *text = memory_new(size_bytes, 1);
	char *end = stpcpy(stpcpy(stpcpy(text, BEGIN_TEXT), pem->label), DASHES "\n");

	for (const char *line = encoded; left > 0;) {
		size_t length = left < LINE_CHARACTERS ? left : LINE_CHARACTERS;

		end = mempcpy(end, line, length);
		*end++ = '\n';
		line += length;
		left -= length;
	}
	(void)stpcpy(stpcpy(stpcpy(end, END_TEXT), pem->label), DASHES "\n");
	wipe(encoded, encoded_bytes);
	return text;
}

int key_parse(const char *text, struct key *ret_key, struct error *err)
{
	__attribute__((cleanup(pem_done))) struct pem pem = { 0 };
	struct key key = { 0 };
	int result = find_body(text, &pem, err);

	if (result == 0)
		result = read_label(&pem, &key, err);
	if (result == 0) {
		pem.data = base64_decode(pem.body, pem.body_bytes, &pem.data_bytes);
		result = pem.data ? read_type(&pem, &key, err) : refuse_damaged(err);
	}
	if (result == 0)
		result = check_type(&key, err);
	if (result == 0) {
		key.text = write_anew(&pem);
		*ret_key = key;
		return 0;
	}
	key_done(&key);
	return result;
}

void key_done(struct key *key)
{
	if (key->text)
		wipe(key->text, strlen(key->text));
	free(key->type);
	free(key->public_line);
	*key = (struct key){ 0 };
}

bool key_is_rsa(const struct key *key)
{
	return key->type && strcmp(key->type, "ssh-rsa") == 0;
}
