/* SPDX-License-Identifier: MIT */
#include "git/hostkey.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "git/address.h"
#include "git/base64.h"
#include "git/sshstring.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/*
 * The server's key is pinned: nothing is trusted at first sight, for an instance sees
 * every server for the first time. Whole keys are compared, not their digests, and names
 * only decide which lines are meant for this host.
 */

#define SHOWN_LINE_MAX_BYTES 200
#define SHOWN_TEXT_BYTES 60
#define FIELD_COUNT_MAX 4

static const struct {
	const char *name;
	size_t part_count; /* the strings a key of it consists of, its name included */
} types[HOSTKEY_TYPE_COUNT] = {
	[HOSTKEY_ED25519] = { "ssh-ed25519", 2 },
	[HOSTKEY_ECDSA_256] = { "ecdsa-sha2-nistp256", 3 },
	[HOSTKEY_ECDSA_384] = { "ecdsa-sha2-nistp384", 3 },
	[HOSTKEY_ECDSA_521] = { "ecdsa-sha2-nistp521", 3 },
	[HOSTKEY_RSA] = { "ssh-rsa", 3 },
};

static bool find_type(const char *name, enum hostkey_type *ret_type)
{
	for (size_t i = 0; i < HOSTKEY_TYPE_COUNT; i++)
		if (strcmp(name, types[i].name) == 0) {
			*ret_type = (enum hostkey_type)i;
			return true;
		}
	return false;
}

/* One pattern of a known_hosts line, "host" or "[host]:port". */
static bool is_pattern_of(const char *pattern, const struct address *address)
{
	autofree char *with_port = text_format("[%s]:%d", address->host, address->port);

	if (pattern[0] != '[')
		return fnmatch(pattern, address->host, FNM_CASEFOLD) == 0;
	return strcasecmp(pattern, with_port) == 0;
}

/* As sshd(8) has it: any pattern fits, and none of those with '!' does. */
static bool are_names_of(char *names, const struct address *address)
{
	bool is_one = names[0] == '|';
	char *place = NULL;

	for (char *name = strtok_r(names, ",", &place); name;
	     name = strtok_r(NULL, ",", &place)) {
		if (name[0] == '!' && is_pattern_of(name + 1, address))
			return false;
		is_one = is_one || is_pattern_of(name, address);
	}
	return is_one;
}

static int refuse_line(const char *line, const char *reason, struct error *err)
{
	return error_set(
		err, EINVAL,
		"source.host_keys: '%.*s%s' %s; a line is 'ssh-ed25519 AAAA…', as "
		"ssh-keyscan prints it",
		SHOWN_TEXT_BYTES, line, strlen(line) > SHOWN_TEXT_BYTES ? "…" : "",
		reason);
}

/* Whether the key names its type and has all its parts: one that was cut has not. */
static bool is_whole(const struct hostkey *hostkey)
{
	struct sshstring rest = { hostkey->blob, hostkey->blob_bytes };
	struct sshstring part;

	for (size_t i = 0; i < types[hostkey->type].part_count; i++)
		if (!sshstring_take(&rest, &part) ||
		    (i == 0 && !sshstring_is(part, types[hostkey->type].name)))
			return false;
	return rest.length_bytes == 0;
}

/* Fills the key from its two words. */
static int read_key(const char *type, const char *key, struct hostkey *hostkey)
{
	if (!find_type(type, &hostkey->type))
		return -EINVAL;
	hostkey->blob = base64_decode(key, strlen(key), &hostkey->blob_bytes);
	return hostkey->blob && is_whole(hostkey) ? 0 : -EBADMSG;
}

static size_t split(char *line, char **ret_fields)
{
	char *place = NULL;
	size_t count = 0;

	for (char *field = strtok_r(line, " \t\r\n", &place);
	     field && count < FIELD_COUNT_MAX; field = strtok_r(NULL, " \t\r\n", &place))
		ret_fields[count++] = field;
	return count;
}

static int read_line(const char *line, const struct address *address,
		     struct hostkey_list *list, struct error *err)
{
	autofree char *copy = text_copy(line);
	char *fields[FIELD_COUNT_MAX] = { NULL };
	size_t count = split(copy, fields);
	enum hostkey_type type;
	bool has_names = count > 2 && !find_type(fields[0], &type);
	char **words = has_names ? fields + 1 : fields;
	struct hostkey hostkey = { 0 };
	int result;

	if (count == 0 || fields[0][0] == '#')
		return 0;
	if (fields[0][0] == '@')
		return refuse_line(line, "has a marker, which cannot be used here", err);
	result = count < 2 ? -EINVAL : read_key(words[0], words[1], &hostkey);
	if (result < 0)
		free(hostkey.blob);
	if (result == -EINVAL)
		return refuse_line(line, "is no host key of a type that can be used",
				   err);
	if (result < 0)
		return refuse_line(line, "is a host key that was cut or changed", err);
	if (has_names && !are_names_of(fields[0], address)) {
		free(hostkey.blob);
		return 0;
	}
	list->items = memory_grow(list->items, list->count, list->count + 1,
				  sizeof(*list->items));
	list->items[list->count++] = hostkey;
	return 0;
}

int hostkey_list_read(struct json_object *lines, const struct address *address,
		      struct hostkey_list *ret_list, struct error *err)
{
	struct hostkey_list list = { 0 };
	size_t count = lines ? json_object_array_length(lines) : 0;
	int result = 0;

	for (size_t i = 0; result == 0 && i < count; i++) {
		const char *line = json_text(json_object_array_get_idx(lines, i));

		result = line
			? read_line(line, address, &list, err)
			: error_set(err, EINVAL,
				    "source.host_keys has something else than text");
	}
	if (result < 0) {
		hostkey_list_done(&list);
		return result;
	}
	*ret_list = list;
	return 0;
}

void hostkey_list_done(struct hostkey_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].blob);
	free(list->items);
	*list = (struct hostkey_list){ 0 };
}

bool hostkey_list_has_type(const struct hostkey_list *list, enum hostkey_type type)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].type == type)
			return true;
	return false;
}

bool hostkey_list_has(const struct hostkey_list *list, const git_cert_hostkey *shown)
{
	if (!(shown->type & GIT_CERT_SSH_RAW))
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].blob_bytes == shown->hostkey_len &&
		    memcmp(list->items[i].blob, shown->hostkey, shown->hostkey_len) == 0)
			return true;
	return false;
}

/*
 * libssh2 takes the type from the line and never compares this key with anything: that is
 * done by us. So it is one that nobody has.
 */
char *hostkey_preference(const char *host, enum hostkey_type type)
{
	static const unsigned char nobodys[] = "nobody's key: only the type counts";
	autofree char *encoded = base64_encode(nobodys, sizeof(nobodys));

	return text_format("%s %s %s\n", host, types[type].name, encoded);
}

/* "SHA256:…", as ssh-keygen -l prints it; "" if libgit2 cannot tell. */
static char *format_fingerprint(const git_cert_hostkey *shown)
{
	autofree char *encoded = NULL;

	if (!(shown->type & GIT_CERT_SSH_SHA256))
		return text_copy("");
	encoded = base64_encode(shown->hash_sha256, sizeof(shown->hash_sha256));
	encoded[strcspn(encoded, "=")] = '\0';
	return text_format(", SHA256:%s", encoded);
}

/* The line to set if it is short enough for a sentence, else how to get it. */
static char *format_line(const git_cert_hostkey *shown, const char *type)
{
	autofree char *encoded =
		base64_encode((const unsigned char *)shown->hostkey, shown->hostkey_len);

	if (strlen(encoded) > SHOWN_LINE_MAX_BYTES)
		return text_copy("the line that ssh-keyscan prints");
	return text_format("\"%s %s\"", type, encoded);
}

int hostkey_refuse(const struct hostkey_list *list, const git_cert_hostkey *shown,
		   struct error *err)
{
	struct sshstring rest = { (const unsigned char *)shown->hostkey,
				  shown->hostkey_len };
	struct sshstring named = { 0 };
	autofree char *type = NULL;
	autofree char *fingerprint = format_fingerprint(shown);
	autofree char *line = NULL;

	if (!(shown->type & GIT_CERT_SSH_RAW) || !sshstring_take(&rest, &named))
		return error_set(err, EKEYREJECTED,
				 "the server showed no host key that could be read");
	type = sshstring_copy(named);
	text_make_printable(type);
	line = format_line(shown, type);
	if (list->count == 0)
		return error_set(
			err, EKEYREJECTED,
			"no host key is known for the server; it showed %.40s%s: "
			"if that is right, put %s into source.host_keys",
			type, fingerprint, line);
	return error_set(err, EKEYREJECTED,
			 "the server's host key, %.40s%s, is none of source.host_keys: "
			 "either the server is another one, or it has a new key; if that "
			 "is right, put %s there",
			 type, fingerprint, line);
}
