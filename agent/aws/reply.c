/* SPDX-License-Identifier: MIT */
#include "aws/reply.h"

#include "aws/aws.h"
#include "aws/codes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

/*
 * What comes back: XML in the query protocol, JSON in the other, and an error's code and
 * message in either. No error text quotes a body: it may hold secrets. To a signature
 * that does not match AWS answers with what it has received, the session token included:
 * that part of a message is cut off.
 */

static const char *const quotes[] = { "The Canonical String", "The String-to-Sign" };

static char *message_of(const char *text)
{
	char *message = text_copy(text);

	for (size_t i = 0; message && i < ARRAY_COUNT(quotes); i++) {
		char *quote = strstr(message, quotes[i]);

		if (quote)
			explicit_bzero(quote, strlen(quote));
	}
	if (message)
		text_trim_end(message);
	return message;
}

static int read_xml(struct aws_reply *reply, const char *body, size_t length_bytes,
		    struct error *err)
{
	const char *code;
	int result = xml_parse(body, length_bytes, &reply->xml, err);

	if (result < 0)
		return result;
	code = xml_find(&reply->xml, "Error/Code");
	reply->code = text_copy(code);
	reply->message = message_of(xml_find(&reply->xml, "Error/Message"));
	return 0;
}

/* "com.amazonaws.ssm#ParameterNotFound:http://…" has the code in its middle. */
static char *code_of(const char *type)
{
	const char *hash = type ? strchr(type, '#') : NULL;
	const char *code = hash ? hash + 1 : type;

	return code ? text_format("%.*s", (int)strcspn(code, ":"), code) : NULL;
}

static void drop_document(struct aws_reply *reply)
{
	json_wipe(reply->document);
	(void)json_object_put(TAKE(reply->document));
}

static int read_json(struct aws_reply *reply, const char *body, size_t length_bytes,
		     struct error *err)
{
	struct error problem;
	const char *message;

	if (json_parse(body, length_bytes, "the answer", &reply->document, &problem) <
		    0 ||
	    !json_object_is_type(reply->document, json_type_object)) {
		drop_document(reply);
		return error_set(err, EPROTO,
				 "the answer is not the JSON that AWS sends");
	}
	reply->code = code_of(json_string(reply->document, "__type"));
	message = json_string(reply->document, "message");
	if (!message)
		message = json_string(reply->document, "Message");
	reply->message = message_of(message);
	return 0;
}

int aws_reply_read(struct aws_reply *reply, const struct aws_service *service,
		   long status, const char *body, size_t length_bytes, struct error *err)
{
	int result;

	*reply = (struct aws_reply){ 0 };
	result = service->target_prefix ? read_json(reply, body, length_bytes, err)
					: read_xml(reply, body, length_bytes, err);
	if (status == 200)
		return result;
	if (!reply->code)
		return error_set(err, codes_number(NULL, status), "%s answered %ld",
				 service->signing_name, status);
	return error_set(err, codes_number(reply->code, status), "%s: %s", reply->code,
			 reply->message ? reply->message : "");
}

void aws_reply_done(struct aws_reply *reply)
{
	xml_done(&reply->xml);
	drop_document(reply);
	free(reply->code);
	if (reply->message)
		explicit_bzero(reply->message, strlen(reply->message));
	free(reply->message);
	*reply = (struct aws_reply){ 0 };
}
