/* SPDX-License-Identifier: MIT */
#include "userdata/userdata.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "userdata/mime.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/*
 * What of the user data is ours. It belongs to cloud-init first, so anything that is not
 * plainly JSON is left alone with a note. It was written by whoever may launch instances,
 * and is still bounded in all it unpacks to.
 */

#define NESTED_MAX 4
#define TYPES_TOLD_MAX 4
#define GZIP_WINDOW_BITS (15 + 16) /* zlib.h: the gzip format only */

/* Kinds of user data that are not ours, by how they begin. */
static const struct {
	const char *begin, *note;
} foreign[] = {
	{ "#cloud-config", "a cloud-config: left to cloud-init" },
	{ "#!", "a script: left to cloud-init" },
	{ "#include", "a list of includes: left to cloud-init" },
	{ "#cloud-boothook", "a boothook: left to cloud-init" },
	{ "## template", "a template: left to cloud-init" },
	{ "<powershell>", "a script for Windows: left alone" },
	{ "[", "no JSON object, which a configuration is: left alone" },
	{ "", "no JSON and no multi-part document: left to cloud-init" },
};

/* What a walk through the parts has seen. */
struct search {
	char *json;
	char types[TYPES_TOLD_MAX][MIME_TYPE_BYTES];
	size_t type_count; /* also of those that are not kept */
	bool is_too_deep, is_without_boundary;
};

static bool is_gzip(struct mime_slice text)
{
	return text.length_bytes >= 2 && memcmp(text.data, "\x1f\x8b", 2) == 0;
}

/*
 * Unpacks as far as it goes; the caller frees *ret_plain, and a NUL follows it. -EINVAL:
 * there is more, but it is damaged; -EFBIG: there is more than 1 MiB.
 */
static int unzip(struct mime_slice text, char **ret_plain, size_t *ret_length_bytes)
{
	char *plain = memory_new(USERDATA_PLAIN_MAX_BYTES + 1, 1);
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)text.data,
			    .avail_in = (uInt)text.length_bytes,
			    .next_out = (Bytef *)plain,
			    .avail_out = USERDATA_PLAIN_MAX_BYTES };
	int code;

	/* It can only lack memory. */
	if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK)
		abort();
	code = inflate(&stream, Z_FINISH);
	(void)inflateEnd(&stream);
	*ret_length_bytes = (size_t)stream.total_out;
	plain[*ret_length_bytes] = '\0';
	*ret_plain = plain;
	if (code == Z_STREAM_END)
		return 0;
	return stream.avail_out == 0 ? -EFBIG : -EINVAL;
}

static int refuse_gzip(int code, const char *what, struct error *err)
{
	if (code == -EFBIG)
		return error_set(err, EFBIG,
				 "%s unpacks to more than 1 MiB: leave out what is not "
				 "bootagent's",
				 what);
	return error_set(err, EINVAL,
			 "%s is damaged: it is gzip, but not whole; compress it again",
			 what);
}

static void skip_blanks(struct mime_slice *text)
{
	if (text->length_bytes >= 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0) {
		text->data += 3;
		text->length_bytes -= 3;
	}
	while (text->length_bytes > 0 && memchr(" \t\r\n", text->data[0], 4)) {
		text->data++;
		text->length_bytes--;
	}
}

static char *note_of(struct mime_slice text)
{
	size_t i = 0;

	while (text.length_bytes < strlen(foreign[i].begin) ||
	       memcmp(text.data, foreign[i].begin, strlen(foreign[i].begin)) != 0)
		i++;
	return text_copy(foreign[i].note);
}

static bool is_json_type(const char *type)
{
	return strcmp(type, "application/json") == 0 || strcmp(type, "text/json") == 0;
}

/* A part's JSON, its own compression undone. */
static int take_part(const struct mime_entity *entity, char **ret_json, struct error *err)
{
	autofree char *data = NULL;
	size_t length_bytes = 0;
	int result = mime_decode(entity, &data, &length_bytes, err);
	struct mime_slice text = { data, length_bytes };

	if (result < 0)
		return result;
	if (is_gzip(text)) {
		char *plain = NULL;

		result = unzip(text, &plain, &length_bytes);
		free(data);
		data = plain;
		if (result < 0)
			return refuse_gzip(result, "its JSON part", err);
	}
	if (strlen(data) != length_bytes)
		return error_set(err, EINVAL, "its JSON part has a NUL: remove it");
	*ret_json = TAKE(data);
	return 0;
}

/* A type is told if it looks like one: the bytes are anybody's. */
static void note_type(struct search *search, const char *type)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789+-./_";

	if (type[strspn(type, characters)] != '\0' || !*type)
		type = "another type";
	for (size_t i = 0; i < search->type_count && i < TYPES_TOLD_MAX; i++)
		if (strcmp(search->types[i], type) == 0)
			return;
	if (search->type_count < TYPES_TOLD_MAX)
		memcpy(search->types[search->type_count], type, strlen(type) + 1);
	search->type_count++;
}

static int search_parts(struct search *search, struct mime_slice text, int depth,
			struct error *err)
{
	struct mime_entity entity;
	struct mime_slice part;
	int result = 0;

	mime_parse(text, &entity);
	if (is_json_type(entity.type)) {
		if (search->json)
			return error_set(err, EINVAL,
					 "it has more than one JSON part: put them into "
					 "one");
		return take_part(&entity, &search->json, err);
	}
	if (strncmp(entity.type, "multipart/", 10) != 0) {
		note_type(search, entity.type);
		return 0;
	}
	search->is_too_deep |= depth >= NESTED_MAX;
	search->is_without_boundary |= !*entity.boundary;
	if (depth >= NESTED_MAX || !*entity.boundary)
		return 0;
	while (result == 0 && mime_next_part(entity.boundary, &entity.body, &part))
		result = search_parts(search, part, depth + 1, err);
	return result;
}

/* Why there is no JSON; the caller frees it. */
static char *note_of_parts(const struct search *search)
{
	autofree char *types = text_copy(search->type_count ? "" : "none");

	if (search->is_too_deep)
		return text_format("parts nested more than %d deep, and no "
				   "application/json above: left to cloud-init",
				   NESTED_MAX);
	if (search->is_without_boundary)
		return text_copy("a multi-part document that names no boundary: left to "
				 "cloud-init");
	for (size_t i = 0; i < search->type_count && i < TYPES_TOLD_MAX; i++) {
		char *longer =
			text_format("%s%s%s", types, i ? ", " : "", search->types[i]);

		free(types);
		types = longer;
	}
	return text_format("no part is application/json (seen: %s%s): left to cloud-init",
			   types, search->type_count > TYPES_TOLD_MAX ? " and more" : "");
}

static int extract_mime(struct mime_slice text, char **ret_json, char **ret_note,
			struct error *err)
{
	struct search search = { .json = NULL };
	int result = search_parts(&search, text, 0, err);

	if (result < 0) {
		text_wipe(search.json);
		return result;
	}
	*ret_json = search.json;
	*ret_note = search.json ? NULL : note_of_parts(&search);
	return 0;
}

/* The line with which a mailbox's messages begin; cloud-init's reader takes it, too. */
static struct mime_slice without_envelope(struct mime_slice text)
{
	const char *end = memchr(text.data, '\n', text.length_bytes);

	if (!end || text.length_bytes < 5 || memcmp(text.data, "From ", 5) != 0)
		return text;
	end++;
	return (struct mime_slice){ end, text.length_bytes - (size_t)(end - text.data) };
}

static int extract_plain(struct mime_slice text, char **ret_json, char **ret_note,
			 struct error *err)
{
	struct mime_slice begin = text, document;

	skip_blanks(&begin);
	*ret_json = NULL;
	*ret_note = NULL;
	if (begin.length_bytes == 0)
		return 0;
	document = without_envelope(begin);
	if (begin.data[0] != '{' && mime_is_document(document))
		return extract_mime(document, ret_json, ret_note, err);
	if (begin.data[0] != '{') {
		*ret_note = note_of(begin);
		return 0;
	}
	if (memchr(text.data, '\0', text.length_bytes))
		return error_set(err, EINVAL, "it is JSON with a NUL: remove it");
	/* With all that stands before it: the reader counts lines. */
	*ret_json = memory_new(text.length_bytes + 1, 1);
	memcpy(*ret_json, text.data, text.length_bytes);
	return 0;
}

/* What can be read of it says whose it is. */
static int judge_damaged(int code, char **ret_json, char **ret_note, struct error *err)
{
	bool is_ours = *ret_json || err->code;

	text_wipe(TAKE(*ret_json));
	free(TAKE(*ret_note));
	if (is_ours)
		return refuse_gzip(code, "it", err);
	*ret_note = text_copy(
		code == -EFBIG ? "gzip of more than 1 MiB, and no JSON in the first "
				 "of it: left to cloud-init"
			       : "damaged gzip, and no JSON in what can be read of "
				 "it: left to cloud-init");
	return 0;
}

int userdata_extract(const char *data, size_t length, char **ret_json, char **ret_note,
		     struct error *err)
{
	struct mime_slice text = { data, length };
	char *plain = NULL;
	int result, unzipped;

	if (!is_gzip(text))
		return extract_plain(text, ret_json, ret_note, err);
	unzipped = unzip(text, &plain, &text.length_bytes);
	text.data = plain;
	*err = (struct error){ 0 };
	result = extract_plain(text, ret_json, ret_note, err);
	if (unzipped < 0)
		result = judge_damaged(unzipped, ret_json, ret_note, err);
	explicit_bzero(plain, text.length_bytes);
	free(plain);
	return result;
}
