/* SPDX-License-Identifier: MIT */
#include "aws/xml.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <expat.h>
#include <stdbool.h>
#include <string.h>

/*
 * AWS's query protocol answers in XML without attributes of interest. A reply becomes a
 * flat list of path and text, read by expat with its limits on entity expansion and with
 * ours on depth, number and length: what a server sends cannot make the agent grow.
 */

#define XML_VALUES_MAX 4096
#define XML_PATH_MAX_BYTES 512
#define XML_TEXT_MAX_BYTES 4096

struct reading {
	XML_Parser parser;
	struct xml *xml;
	char path[XML_PATH_MAX_BYTES];
	char text[XML_TEXT_MAX_BYTES];
	size_t path_length, text_length;
	bool is_leaf, is_refused;
};

static void refuse(struct reading *reading)
{
	reading->is_refused = true;
	(void)XML_StopParser(reading->parser, XML_FALSE);
}

static void on_start(void *userdata, const char *name, const char **attributes)
{
	struct reading *reading = userdata;
	size_t length = strlen(name);

	(void)attributes;
	if (reading->is_refused)
		return;
	if (reading->path_length + length + 2 > sizeof(reading->path)) {
		refuse(reading);
		return;
	}
	if (reading->path_length > 0)
		reading->path[reading->path_length++] = '/';
	memcpy(reading->path + reading->path_length, name, length + 1);
	reading->path_length += length;
	reading->text_length = 0;
	reading->is_leaf = true;
}

static void on_text(void *userdata, const char *text, int length)
{
	struct reading *reading = userdata;

	if (reading->is_refused)
		return;
	if (reading->text_length + (size_t)length >= sizeof(reading->text)) {
		refuse(reading);
		return;
	}
	memcpy(reading->text + reading->text_length, text, (size_t)length);
	reading->text_length += (size_t)length;
}

static void keep_value(struct reading *reading)
{
	struct xml *xml = reading->xml;

	reading->text[reading->text_length] = '\0';
	xml->values = memory_grow(xml->values, xml->count, xml->count + 1,
				  sizeof(*xml->values));
	xml->values[xml->count].path = text_copy(reading->path);
	xml->values[xml->count].text = text_copy(reading->text);
	xml->count++;
}

static void on_end(void *userdata, const char *name)
{
	struct reading *reading = userdata;
	size_t length = strlen(name);

	/* Told of an empty element even after the parser was stopped at its start. */
	if (reading->is_refused)
		return;
	if (reading->is_leaf && reading->xml->count >= XML_VALUES_MAX) {
		refuse(reading);
		return;
	}
	if (reading->is_leaf)
		keep_value(reading);
	reading->is_leaf = false;
	reading->path_length -= length;
	if (reading->path_length > 0)
		reading->path_length--;
	reading->path[reading->path_length] = '\0';
	reading->text_length = 0;
}

int xml_parse(const char *text, size_t length_bytes, struct xml *ret_xml,
	      struct error *err)
{
	autofree struct reading *reading = memory_new(1, sizeof(*reading));
	struct xml xml = { 0 };
	enum XML_Status status;

	reading->parser = XML_ParserCreate(NULL);
	if (!reading->parser)
		abort();
	reading->xml = &xml;
	XML_SetUserData(reading->parser, reading);
	XML_SetElementHandler(reading->parser, on_start, on_end);
	XML_SetCharacterDataHandler(reading->parser, on_text);
	status = XML_Parse(reading->parser, text, (int)length_bytes, XML_TRUE);
	XML_ParserFree(reading->parser);
	if (status != XML_STATUS_OK || reading->is_refused) {
		xml_done(&xml);
		return error_set(err, EPROTO, "the answer is not the XML that AWS sends");
	}
	*ret_xml = xml;
	return 0;
}

void xml_done(struct xml *xml)
{
	for (size_t i = 0; i < xml->count; i++) {
		free(xml->values[i].path);
		free(xml->values[i].text);
	}
	free(xml->values);
	*xml = (struct xml){ 0 };
}

const char *xml_find(const struct xml *xml, const char *ending)
{
	size_t length = strlen(ending);

	for (size_t i = 0; i < xml->count; i++) {
		const char *path = xml->values[i].path;
		size_t path_length = strlen(path);

		if (path_length < length ||
		    strcmp(path + path_length - length, ending) != 0)
			continue;
		if (path_length == length || path[path_length - length - 1] == '/')
			return xml->values[i].text;
	}
	return NULL;
}
