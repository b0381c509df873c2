/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/effective.h"
#include "config/layers.h"
#include "config/reader.h"
#include "config/schema.h"
#include "run/exit.h"
#include "run/log.h"
#include "run/report.h"
#include "state/places.h"
#include "state/runfile.h"
#include "userdata/userdata.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/*
 * `bootagent config`: what is configured, what is wrong with it, and what could be.
 * Anybody who may read the files may ask; nothing is contacted, nothing is changed. What
 * EC2 was given as user data counts from this boot's first run on, which keeps it.
 */

/*
 * The user data that this boot's run kept; *ret_userdata is empty without any. What a
 * reader is not shown, it is told of.
 */
static int load_user_data(const struct places *places, struct userdata *ret_userdata,
			  struct error *err)
{
	char boot_id[BOOT_ID_BYTES];
	struct userdata_place place = { places->run_fd, boot_id };
	struct log log;
	int result;

	*ret_userdata = (struct userdata){ 0 };
	if (places->run_fd < 0)
		return 0;
	result = runfile_boot_id(boot_id, err);
	if (result < 0)
		return result;
	result = userdata_load(&place, ret_userdata);
	log_init(&log, false);
	if (result == -EACCES)
		log_write(&log, LOG_WARNING,
			  "the user data's configuration is left out: only root may read "
			  "it");
	return 0;
}

/* A file as the user data of the instance where it is to be used would be. */
static int load_as_layer(const char *name, struct layers_request *request,
			 struct layers *ret_layers, struct error *err)
{
	autoclose int fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct config_layer layer = { .origin = name, .is_user_data = true };
	char *text = NULL;
	int result;

	if (fd < 0)
		return error_set(err, errno, "--as-layer '%s': %s", name,
				 strerror(errno));
	result = file_read_open(fd, name, READER_MAX_BYTES, &text, &layer.length_bytes,
				err);
	if (result < 0)
		return error_wrap(err, "--as-layer");
	layer.text = text;
	request->user_data = &layer;
	result = layers_load(ret_layers, request, err);
	text_wipe(text);
	return result;
}

static int load_layers(const struct options *options, const struct places *places,
		       struct layers *ret_layers, struct error *err)
{
	struct layers_request request = { .root_fd = places->root_fd,
					  .file = options->config };
	struct config_layer layer = { .origin = "user data", .is_user_data = true };
	struct userdata userdata;
	int result;

	/* A file of one's own is looked at alone. */
	if (options->operand) {
		request.file = options->operand;
		request.is_plain_path = true;
		return layers_load(ret_layers, &request, err);
	}
	if (options->as_layer)
		return load_as_layer(options->as_layer, &request, ret_layers, err);
	result = load_user_data(places, &userdata, err);
	if (result < 0)
		return result;
	layer.text = userdata.data;
	layer.length_bytes = userdata.length_bytes;
	if (userdata.data)
		request.user_data = &layer;
	result = layers_load(ret_layers, &request, err);
	userdata_done(&userdata);
	return result;
}

static int load(const struct options *options, struct layers *ret_layers,
		struct error *err)
{
	struct places places;
	int result = places_init_reader(&places, options->root, err);

	*ret_layers = (struct layers){ .count = 0 };
	if (result == 0)
		result = load_layers(options, &places, ret_layers, err);
	places_done(&places);
	return result;
}

/* Tells what stands in the way of an answer; returns the exit status. */
static int tell_failure(const struct layers *layers, const struct error *err)
{
	size_t count = complaints_line_count(&layers->complaints);
	struct log log;

	log_init(&log, false);
	for (size_t i = 0; i < count; i++) {
		autofree char *line = complaints_line(&layers->complaints, i);

		log_write(&log, LOG_ERR, "%s", line);
	}
	if (count == 0)
		log_write(&log, LOG_ERR, "%s", err->text);
	return EXIT_USAGE;
}

static void print_pretty(struct json_object *document)
{
	const char *text =
		json_object_to_json_string_ext(document,
					       JSON_C_TO_STRING_PRETTY |
						       JSON_C_TO_STRING_NOSLASHESCAPE);

	report_text(text);
	report_text("\n");
}

static void print_line(struct json_object *document)
{
	autofree char *line = text_format("%s\n", json_line(document));

	report_text(line);
}

static void print_value(const struct effective_value *found, void *data)
{
	const char *value = found->value ? json_line(found->value) : "null";
	autofree char *origin = found->origin.file
		? text_format("%s:%u", found->origin.file, found->origin.line)
		: text_copy("default");
	autofree char *line = NULL;

	(void)data;
	text_make_printable(origin);
	line = text_format("%s = %s    # %s\n", found->name, value, origin);
	report_text(line);
}

static void print_value_as_object(const struct effective_value *found, void *data)
{
	autojson struct json_object *object = json_new_object();
	struct json_object *origin = NULL;

	(void)data;
	if (found->origin.file) {
		origin = json_new_object();
		json_set_string(origin, "file", found->origin.file);
		json_set_integer(origin, "line", found->origin.line);
		json_set_integer(origin, "column", found->origin.column);
	}
	json_set_string(object, "key", found->name);
	json_set(object, "value", json_object_get(found->value));
	json_set(object, "origin", origin);
	print_line(object);
}

int cmd_config_show(const struct options *options)
{
	struct layers layers;
	struct error err = { 0 };
	int exit_code = EXIT_DONE;

	if (load(options, &layers, &err) < 0)
		exit_code = tell_failure(&layers, &err);
	else if (options->has_origin)
		effective_each(layers.effective,
			       options->is_json ? print_value_as_object : print_value,
			       NULL);
	else if (options->is_json)
		print_line(layers.effective);
	else
		print_pretty(layers.effective);
	layers_done(&layers);
	return exit_code;
}

/* One line for a person, one object for a program. */
static void print_finding(const struct options *options, const char *key,
			  const char *text)
{
	autojson struct json_object *object = NULL;

	if (!options->is_json) {
		autofree char *line = text_format("%s\n", text);

		report_text(line);
		return;
	}
	object = json_new_object();
	json_set_string(object, key, text);
	print_line(object);
}

int cmd_config_check(const struct options *options)
{
	struct layers layers;
	struct error err = { 0 };
	int result = load(options, &layers, &err);
	size_t count = complaints_line_count(&layers.complaints);
	autofree char *files = layers_describe(&layers);
	autofree char *good =
		text_format("%s%s", layers.is_configured ? "good: " : "", files);

	for (size_t i = 0; i < count; i++) {
		autofree char *line = complaints_line(&layers.complaints, i);

		print_finding(options, "complaint", line);
	}
	if (result < 0 && count == 0)
		(void)tell_failure(&layers, &err);
	if (result == 0)
		print_finding(options, "result", good);
	layers_done(&layers);
	return result < 0 ? EXIT_USAGE : EXIT_DONE;
}

int cmd_config_schema(const struct options *options)
{
	autojson struct json_object *schema = schema_new();

	if (options->is_json)
		print_line(schema);
	else
		print_pretty(schema);
	return EXIT_DONE;
}
