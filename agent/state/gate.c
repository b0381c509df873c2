/* SPDX-License-Identifier: MIT */
#include "state/gate.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <string.h>

/*
 * A baked old release must not serve before this boot's run said so. The gate is a file
 * below /run, gone with every boot; because images of running machines exist, it names
 * the boot it was opened in and is void in any other.
 */

#define GATE_FILE "synced"
#define GATE_MAX_BYTES 4096

int gate_open(int run_fd, const char *boot_id, const char *revision, struct error *err)
{
	autojson struct json_object *document = json_new_object();
	autofree char *text = NULL;

	json_set_string(document, "boot_id", boot_id);
	json_set_string(document, "revision", revision);
	text = text_format("%s\n", json_line(document));
	return file_write(run_fd, GATE_FILE, text, 0644, FILE_VOLATILE, err);
}

char *gate_revision(int run_fd, const char *boot_id)
{
	autojson struct json_object *document = NULL;
	struct error ignored;

	if (json_load(run_fd, GATE_FILE, GATE_MAX_BYTES, &document, &ignored) < 0)
		return NULL;
	if (!text_is_equal(json_string(document, "boot_id"), boot_id) ||
	    !text_is_revision(json_string(document, "revision")))
		return NULL;
	return text_copy(json_string(document, "revision"));
}

int gate_close(int run_fd, struct error *err)
{
	return file_remove(run_fd, GATE_FILE, err);
}

int gate_close_if_stale(int run_fd, const char *boot_id, struct error *err)
{
	autofree char *revision = gate_revision(run_fd, boot_id);

	return revision ? 0 : gate_close(run_fd, err);
}
