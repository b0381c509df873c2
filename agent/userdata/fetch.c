/* SPDX-License-Identifier: MIT */
#include "userdata/userdata.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "loop/loop.h"
#include "metadata/imds.h"
#include "net/retry.h"

#include <errno.h>
#include <string.h>

/*
 * User data cannot change while an instance runs, so it is asked for once a boot. The
 * file begins with a line that names the boot: with another one's, or damaged, it counts
 * as absent. Nothing behind that line: there is no user data.
 */

#define USERDATA_FILE "user-data"
#define USERDATA_FIRST_RETRY_MS 200
#define USERDATA_RETRY_CAP_MS 3000
#define HEAD_MAX_BYTES 128

struct asking {
	struct imds *imds;
	struct deadline deadline;
	struct userdata *userdata;
};

static char *head_of(const char *boot_id)
{
	return text_format("bootagent user data of boot %s\n", boot_id);
}

static void keep(struct userdata *userdata, const char *data, size_t length_bytes)
{
	*userdata = (struct userdata){ 0 };
	if (length_bytes == 0)
		return;
	userdata->data = memory_new(length_bytes + 1, 1);
	memcpy(userdata->data, data, length_bytes);
	userdata->length_bytes = length_bytes;
}

void userdata_done(struct userdata *userdata)
{
	if (userdata->data)
		explicit_bzero(userdata->data, userdata->length_bytes);
	free(userdata->data);
	*userdata = (struct userdata){ 0 };
}

int userdata_load(const struct userdata_place *place, struct userdata *ret_userdata)
{
	autofree char *head = head_of(place->boot_id);
	size_t head_bytes = strlen(head), length_bytes = 0;
	char *text = NULL;
	struct error err;
	bool is_ours;

	if (file_read(place->run_fd, USERDATA_FILE, USERDATA_MAX_BYTES + HEAD_MAX_BYTES,
		      &text, &length_bytes, &err) < 0)
		return err.code == -EACCES ? -EACCES : -ENOENT;
	is_ours = length_bytes >= head_bytes && memcmp(text, head, head_bytes) == 0;
	if (is_ours)
		keep(ret_userdata, text + head_bytes, length_bytes - head_bytes);
	explicit_bzero(text, length_bytes);
	free(text);
	return is_ours ? 0 : -ENOENT;
}

static int save(const struct userdata_place *place, const struct userdata *userdata,
		struct error *err)
{
	autofree char *head = head_of(place->boot_id);
	size_t head_bytes = strlen(head);
	size_t length_bytes = head_bytes + userdata->length_bytes;
	char *text = memory_new(length_bytes + 1, 1);
	const struct file_content content = { text, length_bytes, 0600 };
	int result;

	memcpy(text, head, head_bytes);
	if (userdata->data)
		memcpy(text + head_bytes, userdata->data, userdata->length_bytes);
	result = file_write_bytes(place->run_fd, USERDATA_FILE, &content, FILE_VOLATILE,
				  err);
	explicit_bzero(text, length_bytes);
	free(text);
	return result;
}

static int ask_once(void *userdata, struct retry_hint *ret_hint, struct error *err)
{
	const struct asking *asking = userdata;
	const struct imds_request request = { .path = "user-data",
					      .deadline = asking->deadline,
					      .max_bytes = USERDATA_MAX_BYTES,
					      .is_binary = true };
	/*
	 * The query's own timeout comes first and knows the reason; this is a safety net.
	 */
	struct deadline net = { asking->deadline.at_ms + 1000 };
	struct imds_query *query = NULL;
	const char *data = NULL;
	int result = imds_start(asking->imds, &request, &query, err);

	if (result < 0)
		return result;
	result = loop_wait(asking->imds->loop, imds_query_is_done, query, net, err);
	if (result == 0)
		result = imds_query_result(query, &data, err);
	if (result == 0)
		keep(asking->userdata, data, imds_query_length_bytes(query));
	ret_hint->retry_after_ms = imds_query_retry_after_ms(query);
	ret_hint->is_last = result == -EFBIG;
	imds_query_free(query);
	return result;
}

int userdata_fetch(struct imds *imds, const struct userdata_place *place,
		   struct deadline deadline, struct userdata *ret_userdata,
		   struct error *err)
{
	struct userdata userdata = { 0 };
	struct asking asking = { imds, deadline, &userdata };
	const struct retry_plan plan = {
		.loop = imds->loop,
		.what = "the user data",
		.rules = imds_rules,
		.first_ms = USERDATA_FIRST_RETRY_MS,
		.cap_ms = USERDATA_RETRY_CAP_MS,
		.deadline = deadline,
		.listener = imds->listener,
		.userdata = &asking,
	};
	int result = 0;

	if (userdata_load(place, ret_userdata) == 0)
		return 0;
	if (!imds->is_disabled)
		result = retry_run(&plan, ask_once, err);
	if (result == 0 || result == -ENOENT)
		result = save(place, &userdata, err);
	if (result < 0) {
		userdata_done(&userdata);
		return result;
	}
	*ret_userdata = userdata;
	return 0;
}
