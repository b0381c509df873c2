/* SPDX-License-Identifier: MIT */
#include "metadata/metadata.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "loop/loop.h"
#include "metadata/imds.h"
#include "net/retry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The identity document and the partition's domain. The document is one request for six
 * values; nothing else is asked that a boot does not need (credentials and the group come
 * when first used). What may reach a path or a URL later is checked here. An answer that
 * makes no sense is asked for again: a hurried service gives such (facts I2).
 */

#define METADATA_FIRST_RETRY_MS 200
/* The service is on this very host: it is looked for often, and found soon. */
#define METADATA_RETRY_CAP_MS 3000
#define DOCUMENT_PATH "dynamic/instance-identity/document"
#define DOMAIN_PATH "meta-data/services/domain"

/* A text of a JSON object and where it is kept. */
struct field {
	const char *key;
	size_t offset;
};

static const struct field document_fields[] = {
	{ "instanceId", offsetof(struct metadata, instance_id) },
	{ "instanceType", offsetof(struct metadata, instance_type) },
	{ "imageId", offsetof(struct metadata, image_id) },
	{ "availabilityZone", offsetof(struct metadata, availability_zone) },
	{ "region", offsetof(struct metadata, region) },
	{ NULL, 0 },
};

static const struct field stand_in_fields[] = {
	{ "id", offsetof(struct metadata, instance_id) },
	{ "type", offsetof(struct metadata, instance_type) },
	{ "image_id", offsetof(struct metadata, image_id) },
	{ "availability_zone", offsetof(struct metadata, availability_zone) },
	{ "region", offsetof(struct metadata, region) },
	{ NULL, 0 },
};

/* Where IMDS does not say it: EC2's partitions by the region's beginning. */
static const struct {
	const char *region, *domain;
} partitions[] = {
	{ "cn-", "amazonaws.com.cn" },    { "us-iso-", "c2s.ic.gov" },
	{ "us-isob-", "sc2s.sgov.gov" },  { "eu-isoe-", "cloud.adc-e.uk" },
	{ "us-isof-", "csp.hci.ic.gov" }, { "eusc-", "amazonaws.eu" },
	{ "", "amazonaws.com" },
};

char *metadata_domain_of(const char *region)
{
	size_t i = 0;

	while (strncmp(region, partitions[i].region, strlen(partitions[i].region)) != 0)
		i++;
	return text_copy(partitions[i].domain);
}

/* One value asked for until it makes sense. */
struct wanted {
	struct imds *imds;
	const char *path;
	struct deadline deadline;
	int (*keep)(struct metadata *metadata, const char *text, struct error *err);
	struct metadata *metadata;
	bool is_certain; /* every instance has it: a 404 or 403 is an accident */
};

static int ask_once(void *userdata, struct retry_hint *ret_hint, struct error *err)
{
	const struct wanted *wanted = userdata;
	const struct imds_request request = { .path = wanted->path,
					      .deadline = wanted->deadline };
	/*
	 * The query's own timeout comes first and knows the reason; this is a safety net.
	 */
	struct deadline net = { wanted->deadline.at_ms + 1000 };
	struct imds_query *query = NULL;
	const char *text = NULL;
	int result = imds_start(wanted->imds, &request, &query, err);

	if (result < 0)
		return result;
	result = loop_wait(wanted->imds->loop, imds_query_is_done, query, net, err);
	if (result == 0)
		result = imds_query_result(query, &text, err);
	ret_hint->retry_after_ms = imds_query_retry_after_ms(query);
	if (result == 0)
		result = wanted->keep(wanted->metadata, text, err);
	else if (result == -ENOENT && wanted->is_certain)
		result = err->code = -EAGAIN;
	else if (result == -EPERM && !wanted->is_certain)
		result = err->code = -ENOENT;
	imds_query_free(query);
	return result;
}

static int ask(struct wanted *wanted, struct error *err)
{
	const struct retry_plan plan = {
		.loop = wanted->imds->loop,
		.what = "the instance metadata",
		.rules = imds_rules,
		.first_ms = METADATA_FIRST_RETRY_MS,
		.cap_ms = METADATA_RETRY_CAP_MS,
		.deadline = wanted->deadline,
		.listener = wanted->imds->listener,
		.userdata = wanted,
	};

	return retry_run(&plan, ask_once, err);
}

/* Takes all or nothing; *ret_key is the first that is missing or unusable. */
static bool keep_fields(struct metadata *metadata, const struct json_object *document,
			const struct field *fields, const char **ret_key)
{
	const struct field *field;

	for (field = fields; field->key; field++)
		if (!text_is_name(json_string(document, field->key))) {
			*ret_key = field->key;
			return false;
		}
	for (field = fields; field->key; field++) {
		char **place = (char **)(void *)((char *)metadata + field->offset);

		free(*place);
		*place = text_copy(json_string(document, field->key));
	}
	return true;
}

int metadata_parse_document(const char *text, struct metadata **ret_metadata,
			    struct error *err)
{
	autojson struct json_object *document = NULL;
	struct metadata *metadata;
	const char *pending_time, *key;
	struct error problem;

	if (json_parse(text, strlen(text), "the identity document", &document, &problem) <
	    0)
		return error_set(err, EPROTO, "%s", problem.text);
	metadata = memory_new(1, sizeof(*metadata));
	if (!keep_fields(metadata, document, document_fields, &key)) {
		metadata_free(metadata);
		return error_set(err, EPROTO, "the identity document has no usable '%s'",
				 key);
	}
	pending_time = json_string(document, "pendingTime");
	if (clock_parse_utc(pending_time) != 0)
		metadata->pending_time = text_copy(pending_time);
	*ret_metadata = metadata;
	return 0;
}

static int keep_document(struct metadata *metadata, const char *text, struct error *err)
{
	struct metadata *document = NULL;
	int result = metadata_parse_document(text, &document, err);

	if (result < 0)
		return result;
	*metadata = *document;
	free(document);
	return 0;
}

static int keep_domain(struct metadata *metadata, const char *text, struct error *err)
{
	autofree char *domain = text_copy(text);

	text_trim_end(domain);
	if (!text_is_name(domain))
		return error_set(err, EPROTO, "'" DOMAIN_PATH "' has an unusable value");
	metadata->domain = TAKE(domain);
	return 0;
}

static int fetch_all(struct imds *imds, struct deadline deadline,
		     struct metadata *metadata, struct error *err)
{
	struct wanted document = { imds,          DOCUMENT_PATH, deadline,
				   keep_document, metadata,      true };
	struct wanted domain = {
		imds, DOMAIN_PATH, deadline, keep_domain, metadata, false
	};
	int result = ask(&document, err);

	if (result < 0)
		return result;
	result = ask(&domain, err);
	if (result != -ENOENT)
		return result;
	metadata->domain = metadata_domain_of(metadata->region);
	return 0;
}

int metadata_fetch(struct imds *imds, struct deadline deadline,
		   struct metadata **ret_metadata, struct error *err)
{
	struct metadata *metadata = memory_new(1, sizeof(*metadata));
	int result = fetch_all(imds, deadline, metadata, err);

	if (result < 0) {
		metadata_free(metadata);
		return result;
	}
	*ret_metadata = metadata;
	return 0;
}

/* A key that nobody knows is a misspelt one. */
static int refuse_unknown(struct json_object *document, struct error *err)
{
	json_object_object_foreach(document, key, value) {
		const struct field *field = stand_in_fields;

		(void)value;
		while (field->key && strcmp(field->key, key) != 0)
			field++;
		if (!field->key)
			return error_set(err, EINVAL,
					 "'%s' is no key of it: id, type, image_id, "
					 "availability_zone and region are",
					 key);
	}
	return 0;
}

int metadata_parse(const char *text, struct metadata **ret_metadata, struct error *err)
{
	autojson struct json_object *document = NULL;
	struct metadata *metadata;
	const char *key;
	int result = json_parse(text, strlen(text), "the instance", &document, err);

	if (result < 0)
		return result;
	if (!json_object_is_type(document, json_type_object))
		return error_set(err, EINVAL, "a JSON object is expected");
	result = refuse_unknown(document, err);
	if (result < 0)
		return result;
	metadata = memory_new(1, sizeof(*metadata));
	if (!keep_fields(metadata, document, stand_in_fields, &key)) {
		metadata_free(metadata);
		return error_set(err, EINVAL,
				 "'%s' is missing, or is not a text of letters, digits, "
				 "'.', '_' and '-'",
				 key);
	}
	metadata->domain = metadata_domain_of(metadata->region);
	*ret_metadata = metadata;
	return 0;
}

void metadata_free(struct metadata *metadata)
{
	if (!metadata)
		return;
	free(metadata->instance_id);
	free(metadata->instance_type);
	free(metadata->image_id);
	free(metadata->availability_zone);
	free(metadata->region);
	free(metadata->pending_time);
	free(metadata->domain);
	free(metadata);
}
