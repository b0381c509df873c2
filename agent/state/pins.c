/* SPDX-License-Identifier: MIT */
#include "state/pins.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

/*
 * A pin outlives reboots and new configurations, so it must not be lost with half a
 * write, nor be taken for none when it cannot be read: the next run would bring back just
 * what a person got rid of. It does not outlive the instance: an image of a pinned
 * machine is no wish for the machines made of it.
 */

#define PIN_FILE "pin.json"
#define PIN_MAX_BYTES 16384

static int read_pin(const struct json_object *document, struct pin *ret_pin,
		    struct error *err)
{
	const char *revision = json_string(document, "revision");

	if (!text_is_revision(revision))
		return error_set(
			err, EBADMSG,
			"var/lib/bootagent/" PIN_FILE
			" is damaged: 'bootagent sync --unpin' takes the pin back, "
			"'sync --ref' sets another");
	*ret_pin = (struct pin){
		.revision = text_copy(revision),
		.ref = text_copy(json_string(document, "ref")),
		.by = text_copy(json_string(document, "by")),
		.instance_id = text_copy(json_string(document, "instance_id")),
		.at_ms = json_integer(document, "at_ms", 0),
	};
	return 0;
}

int pin_load(int state_fd, const char *instance_id, struct pin *ret_pin,
	     struct error *err)
{
	autojson struct json_object *document = NULL;
	struct error problem;
	int result = json_load(state_fd, PIN_FILE, PIN_MAX_BYTES, &document, &problem);

	*ret_pin = (struct pin){ 0 };
	if (result == -ENOENT)
		return 0;
	if (result < 0 && result != -EINVAL) {
		*err = problem;
		return result;
	}
	if (document &&
	    !text_is_equal(json_string(document, "instance_id"), instance_id) &&
	    json_string(document, "instance_id"))
		return 0;
	return read_pin(document, ret_pin, err);
}

int pin_save(int state_fd, const struct pin *pin, struct error *err)
{
	autojson struct json_object *document = json_new_object();
	autofree char *text = NULL;

	json_set_integer(document, "schema", 1);
	json_set_string(document, "instance_id", pin->instance_id);
	json_set_string(document, "revision", pin->revision);
	json_set_string(document, "ref", pin->ref);
	json_set_string(document, "by", pin->by);
	json_set_integer(document, "at_ms", pin->at_ms);
	text = text_format("%s\n", json_line(document));
	return file_write(state_fd, PIN_FILE, text, 0644, FILE_DURABLE, err);
}

int pin_remove(int state_fd, struct error *err)
{
	return file_remove(state_fd, PIN_FILE, err);
}

void pin_done(struct pin *pin)
{
	free(pin->revision);
	free(pin->ref);
	free(pin->by);
	free(pin->instance_id);
	*pin = (struct pin){ 0 };
}
