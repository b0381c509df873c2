/* SPDX-License-Identifier: MIT */
#include "userdata/userdata.h"

#include "base/error.h"
#include "base/memory.h"
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
#define GZIP_WINDOW_BITS (15 + 16) /* zlib.h: the gzip format only */

/* Kinds of user data that are cloud-init's, by how they begin. */
static const struct {
	const char *begin, *note;
} foreign[] = {
	{ "#cloud-config", "the user data is a cloud-config: left to cloud-init" },
	{ "#!", "the user data is a script: left to cloud-init" },
	{ "#include", "the user data is a list of includes: left to cloud-init" },
	{ "#cloud-boothook", "the user data is a boothook: left to cloud-init" },
	{ "## template", "the user data is a template: left to cloud-init" },
	{ "<powershell>", "the user data is for Windows: left alone" },
	{ "", "the user data is no JSON and no multi-part document: left to cloud-init" },
};

#define NOTE_NO_JSON_PART \
	"the user data's parts are all cloud-init's: none is application/json"

static bool is_gzip(struct mime_slice text)
{
	return text.length_bytes >= 2 && memcmp(text.data, "\x1f\x8b", 2) == 0;
}

static int inflate_all(z_stream *stream, char *plain, struct error *err)
{
	int code;

	stream->next_out = (Bytef *)plain;
	stream->avail_out = USERDATA_PLAIN_MAX_BYTES;
	code = inflate(stream, Z_FINISH);
	if (code == Z_STREAM_END)
		return 0;
	if (stream->avail_out == 0)
		return error_set(err, EFBIG, "the user data unpacks to more than 1 MiB");
	return error_set(err, EINVAL,
			 "the user data is damaged: it is gzip, but not whole");
}

/* The caller frees *ret_plain; a NUL follows it. */
static int unzip(struct mime_slice text, char **ret_plain, size_t *ret_length_bytes,
		 struct error *err)
{
	autofree char *plain = memory_new(USERDATA_PLAIN_MAX_BYTES + 1, 1);
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)text.data,
			    .avail_in = (uInt)text.length_bytes };
	int result;

	if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK)
		return error_set(err, ENOMEM, "zlib cannot start");
	result = inflate_all(&stream, plain, err);
	(void)inflateEnd(&stream);
	if (result < 0)
		return result;
	*ret_length_bytes = (size_t)stream.total_out;
	plain[*ret_length_bytes] = '\0';
	*ret_plain = TAKE(plain);
	return 0;
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

static const char *note_of(struct mime_slice text)
{
	size_t i = 0;

	while (text.length_bytes < strlen(foreign[i].begin) ||
	       memcmp(text.data, foreign[i].begin, strlen(foreign[i].begin)) != 0)
		i++;
	return foreign[i].note;
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

		result = unzip(text, &plain, &length_bytes, err);
		if (result < 0)
			return result;
		free(data);
		data = plain;
	}
	if (strlen(data) != length_bytes)
		return error_set(err, EINVAL, "the JSON part of the user data has a NUL");
	*ret_json = TAKE(data);
	return 0;
}

static int search(struct mime_slice text, int depth, char **json, struct error *err)
{
	struct mime_entity entity;
	struct mime_slice part;
	int result = 0;

	mime_parse(text, &entity);
	if (is_json_type(entity.type)) {
		if (*json)
			return error_set(err, EINVAL,
					 "the user data has more than one JSON part");
		return take_part(&entity, json, err);
	}
	if (strncmp(entity.type, "multipart/", 10) != 0 || depth >= NESTED_MAX)
		return 0;
	if (!*entity.boundary)
		return error_set(err, EINVAL,
				 "the user data is multi-part, but names no boundary");
	while (result == 0 && mime_next_part(entity.boundary, &entity.body, &part))
		result = search(part, depth + 1, json, err);
	return result;
}

static int extract_mime(struct mime_slice text, char **ret_json, const char **ret_note,
			struct error *err)
{
	char *json = NULL;
	int result = search(text, 0, &json, err);

	if (result < 0) {
		free(json);
		return result;
	}
	*ret_json = json;
	*ret_note = json ? NULL : NOTE_NO_JSON_PART;
	return 0;
}

static int extract_plain(struct mime_slice text, char **ret_json, const char **ret_note,
			 struct error *err)
{
	struct mime_slice begin = text;

	skip_blanks(&begin);
	*ret_json = NULL;
	*ret_note = NULL;
	if (begin.length_bytes == 0)
		return 0;
	if (begin.data[0] != '{' && mime_is_document(begin))
		return extract_mime(begin, ret_json, ret_note, err);
	if (begin.data[0] != '{') {
		*ret_note = note_of(begin);
		return 0;
	}
	if (memchr(text.data, '\0', text.length_bytes))
		return error_set(err, EINVAL, "the user data is JSON with a NUL");
	/* With all that stands before it: the reader counts lines. */
	*ret_json = memory_new(text.length_bytes + 1, 1);
	memcpy(*ret_json, text.data, text.length_bytes);
	return 0;
}

int userdata_extract(const char *data, size_t length, char **ret_json,
		     const char **ret_note, struct error *err)
{
	struct mime_slice text = { data, length };
	char *plain = NULL;
	int result;

	if (!is_gzip(text))
		return extract_plain(text, ret_json, ret_note, err);
	result = unzip(text, &plain, &text.length_bytes, err);
	if (result < 0)
		return result;
	text.data = plain;
	result = extract_plain(text, ret_json, ret_note, err);
	explicit_bzero(plain, text.length_bytes);
	free(plain);
	return result;
}
