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
 * The identity document, the partition's domain and the target state. The document is one
 * request for six values; nothing else is asked that a boot does not need (credentials
 * come when first used). What may reach a path or a URL later is checked here.
 */

#define METADATA_FIRST_RETRY_MS 200

static int fetch_once(struct loop *loop, struct imds *imds, const char *path,
		      struct deadline deadline, struct imds_query **ret_query,
		      struct error *err)
{
	/*
	 * The query's own timeout comes first and knows the reason; this is a safety net.
	 */
	struct deadline net = { deadline.at_ms + 1000 };
	struct imds_query *query = NULL;
	int result = imds_start(imds, path, deadline, &query, err);

	if (result < 0)
		return result;
	result = loop_wait(loop, imds_query_is_done, query, net, err);
	if (result < 0) {
		imds_query_free(query);
		return result;
	}
	*ret_query = query;
	return 0;
}

static int fetch_value(struct loop *loop, struct imds *imds, const char *path,
		       struct deadline deadline, char **ret_text, struct error *err)
{
	struct retry retry = retry_begin(METADATA_FIRST_RETRY_MS, deadline);

	for (;;) {
		struct imds_query *query = NULL;
		const char *text = NULL;
		int64_t retry_after_ms;
		int result = fetch_once(loop, imds, path, deadline, &query, err);

		if (result < 0)
			return result;
		result = imds_query_result(query, &text, err);
		if (result == 0)
			*ret_text = text_copy(text);
		retry_after_ms = imds_query_retry_after_ms(query);
		imds_query_free(query);
		if (result == 0 || !imds_error_is_transient(result))
			return result;
		result = retry_pause(loop, &retry, retry_after_ms, err);
		if (result < 0)
			return result;
	}
}

static int keep(const struct json_object *document, const char *key, char **ret_text,
		struct error *err)
{
	const char *text = json_string(document, key);

	if (!text_is_name(text))
		return error_set(err, EPROTO, "the identity document has no usable '%s'",
				 key);
	free(*ret_text);
	*ret_text = text_copy(text);
	return 0;
}

static int read_document(struct metadata *metadata, const char *text, struct error *err)
{
	autojson struct json_object *document = NULL;
	const char *pending_time;
	int result =
		json_parse(text, strlen(text), "the identity document", &document, err);

	if (result == 0)
		result = keep(document, "instanceId", &metadata->instance_id, err);
	if (result == 0)
		result = keep(document, "instanceType", &metadata->instance_type, err);
	if (result == 0)
		result = keep(document, "imageId", &metadata->image_id, err);
	if (result == 0)
		result = keep(document, "availabilityZone", &metadata->availability_zone,
			      err);
	if (result == 0)
		result = keep(document, "region", &metadata->region, err);
	if (result < 0)
		return result;
	pending_time = json_string(document, "pendingTime");
	free(TAKE(metadata->pending_time));
	if (text_is_printable(pending_time))
		metadata->pending_time = text_copy(pending_time);
	return 0;
}

/* Bursts are answered with nonsense (facts I2): what is unusable is asked for again. */
static int fetch_identity(struct loop *loop, struct imds *imds, struct deadline deadline,
			  struct metadata *metadata, struct error *err)
{
	struct retry retry = retry_begin(METADATA_FIRST_RETRY_MS, deadline);

	for (;;) {
		autofree char *text = NULL;
		int result = fetch_value(loop, imds, "dynamic/instance-identity/document",
					 deadline, &text, err);

		if (result < 0)
			return result;
		if (read_document(metadata, text, err) == 0)
			return 0;
		result = retry_pause(loop, &retry, 0, err);
		if (result < 0)
			return result;
	}
}

static int fetch_name(struct loop *loop, struct imds *imds, const char *path,
		      struct deadline deadline, char **ret_text, struct error *err)
{
	autofree char *text = NULL;
	int result = fetch_value(loop, imds, path, deadline, &text, err);

	if (result < 0)
		return result;
	text_trim_end(text);
	if (!*text)
		return error_set(err, EPROTO, "'%s' has an unusable value", path);
	/* The one value with a colon: "Warmed:Running". */
	for (const char *c = text; *c; c++)
		if (!text_is_name((char[]){ *c, '\0' }) && !strchr(".-_:", *c))
			return error_set(err, EPROTO, "'%s' has an unusable value", path);
	*ret_text = TAKE(text);
	return 0;
}

static int fetch_all(struct loop *loop, struct imds *imds, struct deadline deadline,
		     struct metadata *metadata, struct error *err)
{
	int result = fetch_identity(loop, imds, deadline, metadata, err);

	if (result < 0)
		return result;
	result = fetch_name(loop, imds, "meta-data/services/domain", deadline,
			    &metadata->domain, err);
	if (result < 0)
		return result;
	result = fetch_name(loop, imds, "meta-data/autoscaling/target-lifecycle-state",
			    deadline, &metadata->target_state, err);
	return result == -ENOENT ? 0 : result;
}

int metadata_fetch(struct loop *loop, struct imds *imds, struct deadline deadline,
		   struct metadata **ret_metadata, struct error *err)
{
	struct metadata *metadata = memory_new(1, sizeof(*metadata));
	int result = fetch_all(loop, imds, deadline, metadata, err);

	if (result < 0) {
		metadata_free(metadata);
		return result;
	}
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
	free(metadata->target_state);
	free(metadata);
}
