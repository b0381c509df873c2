/* SPDX-License-Identifier: MIT */
#ifndef AWS_XML_H
#define AWS_XML_H

#include <stddef.h>

struct error;

/* The texts of an XML reply, each with its element path, "ErrorResponse/Error/Code". */
struct xml {
	struct xml_value *values;
	size_t count;
};

struct xml_value {
	char *path;
	char *text;
};

/*
 * Reads a whole reply of the AWS query protocol into a list in document order; namespaces
 * and attributes are left out. Bounded in depth and number. -EPROTO: not such XML.
 */
int xml_parse(const char *text, size_t length_bytes, struct xml *ret_xml,
	      struct error *err) __attribute__((warn_unused_result));

void xml_done(struct xml *xml);

/*
 * The first value whose path ends with `ending` at an element's border; NULL: none.
 * Borrowed until xml_done().
 */
const char *xml_find(const struct xml *xml, const char *ending);

#endif
