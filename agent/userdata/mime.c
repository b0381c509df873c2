/* SPDX-License-Identifier: MIT */
#include "userdata/mime.h"

#include "base/error.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/*
 * As much of MIME (RFC 2045, 2046) as cloud-init's write-mime-multipart and the tools
 * like it produce: headers with folded lines, multi-part bodies, three encodings. It
 * works on slices of the one buffer, copies only what it decodes, and reads no byte
 * beyond a slice's end.
 */

#define HEADER_MAX_BYTES 1024
#define ENCODING_BYTES 32

/* Takes one line off the text, without its end. */
static bool next_line(struct mime_slice *text, struct mime_slice *ret_line)
{
	const char *end;
	size_t length, line_length;

	if (text->length_bytes == 0)
		return false;
	end = memchr(text->data, '\n', text->length_bytes);
	length = end ? (size_t)(end - text->data) + 1 : text->length_bytes;
	line_length = end ? length - 1 : length;
	if (line_length > 0 && text->data[line_length - 1] == '\r')
		line_length--;
	*ret_line = (struct mime_slice){ text->data, line_length };
	text->data += length;
	text->length_bytes -= length;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void append(char *value, struct mime_slice line)
{
	size_t used = strlen(value);
	size_t room = HEADER_MAX_BYTES - 1 - used;
	size_t length = line.length_bytes < room ? line.length_bytes : room;

	for (size_t i = 0; i < length; i++)
		value[used + i] = line.data[i] ? line.data[i] : '?';
	value[used + length] = '\0';
}

/* One header, its folded lines joined. false: the header is over. */
static bool next_header(struct mime_slice *text, char ret_header[static HEADER_MAX_BYTES])
{
	struct mime_slice line;

	ret_header[0] = '\0';
	if (!next_line(text, &line) || line.length_bytes == 0)
		return false;
	append(ret_header, line);
	while (text->length_bytes > 0 && is_blank(text->data[0]) &&
	       next_line(text, &line))
		append(ret_header, line);
	return true;
}

/* The value of the header if it has that name, else NULL. */
static const char *value_of(const char *header, const char *name)
{
	size_t length = strlen(name);

	if (strncasecmp(header, name, length) != 0 || header[length] != ':')
		return NULL;
	header += length + 1;
	return header + strspn(header, " \t");
}

/* Copies a token in lower case, up to a blank or ';'. */
static void copy_token(const char *value, char *ret_token, size_t size_bytes)
{
	size_t length = strcspn(value, " \t;");

	if (length >= size_bytes)
		length = 0;
	for (size_t i = 0; i < length; i++)
		ret_token[i] = (char)tolower((unsigned char)value[i]);
	ret_token[length] = '\0';
}

static void copy_boundary(const char *value,
			  char ret_boundary[static MIME_BOUNDARY_BYTES])
{
	const char *found = value;
	size_t length;

	do {
		found = strcasestr(found + 1, "boundary=");
	} while (found && !strchr("; \t", found[-1]));
	if (!found)
		return;
	found += strlen("boundary=");
	if (*found == '"') {
		found++;
		length = strcspn(found, "\"");
	} else {
		length = strcspn(found, " \t;");
	}
	if (length >= MIME_BOUNDARY_BYTES)
		return;
	memcpy(ret_boundary, found, length);
	ret_boundary[length] = '\0';
}

static enum mime_encoding encoding_of(const char *value)
{
	static const struct {
		const char *name;
		enum mime_encoding encoding;
	} known[] = {
		{ "7bit", MIME_PLAIN },
		{ "8bit", MIME_PLAIN },
		{ "binary", MIME_PLAIN },
		{ "base64", MIME_BASE64 },
		{ "quoted-printable", MIME_QUOTED_PRINTABLE },
	};
	char name[ENCODING_BYTES];

	copy_token(value, name, sizeof(name));
	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (strcmp(name, known[i].name) == 0)
			return known[i].encoding;
	return MIME_UNKNOWN;
}

void mime_parse(struct mime_slice text, struct mime_entity *ret_entity)
{
	char header[HEADER_MAX_BYTES];
	const char *value;

	*ret_entity = (struct mime_entity){ .type = "text/plain" };
	while (next_header(&text, header)) {
		value = value_of(header, "Content-Type");
		if (value && *value) {
			copy_token(value, ret_entity->type, sizeof(ret_entity->type));
			copy_boundary(value, ret_entity->boundary);
		}
		value = value_of(header, "Content-Transfer-Encoding");
		if (value)
			ret_entity->encoding = encoding_of(value);
	}
	ret_entity->body = text;
}

bool mime_is_document(struct mime_slice text)
{
	char header[HEADER_MAX_BYTES];

	while (next_header(&text, header)) {
		size_t name = strcspn(header, ": \t");

		if (name == 0 || header[name] != ':')
			return false;
		if (value_of(header, "Content-Type"))
			return true;
	}
	return false;
}

enum delimiter {
	NO_DELIMITER,
	PART_DELIMITER,
	LAST_DELIMITER
};

static enum delimiter delimiter_of(struct mime_slice line, const char *boundary)
{
	size_t length = strlen(boundary);
	enum delimiter found = PART_DELIMITER;

	if (line.length_bytes < length + 2 || memcmp(line.data, "--", 2) != 0 ||
	    memcmp(line.data + 2, boundary, length) != 0)
		return NO_DELIMITER;
	line.data += length + 2;
	line.length_bytes -= length + 2;
	if (line.length_bytes >= 2 && memcmp(line.data, "--", 2) == 0) {
		found = LAST_DELIMITER;
		line.data += 2;
		line.length_bytes -= 2;
	}
	for (size_t i = 0; i < line.length_bytes; i++)
		if (!is_blank(line.data[i]))
			return NO_DELIMITER;
	return found;
}

/* The line end before a delimiter belongs to the delimiter. */
static size_t without_line_end(const char *data, size_t length_bytes)
{
	if (length_bytes > 0 && data[length_bytes - 1] == '\n')
		length_bytes--;
	if (length_bytes > 0 && data[length_bytes - 1] == '\r')
		length_bytes--;
	return length_bytes;
}

bool mime_next_part(const char *boundary, struct mime_slice *rest,
		    struct mime_slice *ret_part)
{
	struct mime_slice line, before;
	enum delimiter found = NO_DELIMITER;
	const char *begin;

	while (found == NO_DELIMITER && next_line(rest, &line))
		found = delimiter_of(line, boundary);
	if (found != PART_DELIMITER)
		return false;
	begin = rest->data;
	do
		before = *rest;
	while (next_line(rest, &line) && delimiter_of(line, boundary) == NO_DELIMITER);
	*ret_part = (struct mime_slice){
		begin, without_line_end(begin, (size_t)(before.data - begin))
	};
	/* The delimiter begins the next part too. */
	*rest = before;
	return true;
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

static bool decode_base64(struct mime_slice body, char *data, size_t *ret_length_bytes)
{
	unsigned int bits = 0, count = 0, padding = 0;
	size_t length_bytes = 0;

	for (size_t i = 0; i < body.length_bytes; i++) {
		char c = body.data[i];
		int digit = base64_digit(c);

		if (isspace((unsigned char)c))
			continue;
		if (c == '=')
			padding++;
		if (c != '=' && (digit < 0 || padding > 0))
			return false;
		bits = bits << 6 | (unsigned int)(digit > 0 ? digit : 0);
		count++;
		if (count % 4 != 0)
			continue;
		data[length_bytes++] = (char)(bits >> 16 & 0xff);
		data[length_bytes++] = (char)(bits >> 8 & 0xff);
		data[length_bytes++] = (char)(bits & 0xff);
	}
	if (count % 4 != 0 || padding > 2)
		return false;
	*ret_length_bytes = length_bytes - padding;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_quoted(struct mime_slice body, char *data, size_t *ret_length_bytes)
{
	size_t i = 0, length_bytes = 0;

	while (i < body.length_bytes) {
		size_t left = body.length_bytes - i - 1;
		const char *at = body.data + i;

		if (*at != '=') {
			data[length_bytes++] = *at;
			i++;
		} else if (left >= 1 && at[1] == '\n') {
			i += 2;
		} else if (left >= 2 && at[1] == '\r' && at[2] == '\n') {
			i += 3;
		} else if (left >= 2 && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
			data[length_bytes++] =
				(char)(hex_digit(at[1]) << 4 | hex_digit(at[2]));
			i += 3;
		} else {
			return false;
		}
	}
	*ret_length_bytes = length_bytes;
	return true;
}

int mime_decode(const struct mime_entity *entity, char **ret_data,
		size_t *ret_length_bytes, struct error *err)
{
	struct mime_slice body = entity->body;
	autofree char *data = memory_new(body.length_bytes + 4, 1);
	size_t length_bytes = 0;
	bool is_good = false;

	switch (entity->encoding) {
	case MIME_PLAIN:
		memcpy(data, body.data, body.length_bytes);
		length_bytes = body.length_bytes;
		is_good = true;
		break;
	case MIME_BASE64:
		is_good = decode_base64(body, data, &length_bytes);
		break;
	case MIME_QUOTED_PRINTABLE:
		is_good = decode_quoted(body, data, &length_bytes);
		break;
	case MIME_UNKNOWN:
		return error_set(err, EINVAL,
				 "its JSON part has an unknown transfer encoding: take "
				 "base64");
	}
	if (!is_good)
		return error_set(err, EINVAL,
				 "its JSON part is not in the encoding that it names: "
				 "encode it again");
	data[length_bytes] = '\0';
	*ret_data = TAKE(data);
	*ret_length_bytes = length_bytes;
	return 0;
}
