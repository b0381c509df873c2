/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_LAYERS_H
#define CONFIG_LAYERS_H

#include "base/error.h"
#include "config/complaints.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;

#define CONFIG_FILE "/etc/bootagent/bootagent.json"
#define CONFIG_DIRECTORY "/etc/bootagent/conf.d"
#define CONFIG_PRESETS "/usr/lib/bootagent/presets"

/* A configuration text that is not a file of its own. */
struct config_layer {
	const char *origin; /* what it is called in complaints, "user data" */
	const char *text;
	size_t length_bytes;
	bool is_user_data; /* as EC2 has it: perhaps a document with a part of ours */
};

/* Where a configuration comes from. Everything is borrowed for the length of the call. */
struct layers_request {
	int root_fd;
	const char *file;   /* instead of bootagent.json and conf.d; NULL: those */
	bool is_plain_path; /* the file is where it says, not below the root */
	const struct config_layer *user_data; /* the highest layer; NULL: there is none */
};

struct layer {
	char *name;                   /* the file, inside the root */
	struct json_object *document; /* NULL: it cannot be read */
};

/* All layers, lowest first, and what they amount to. layers_done() frees the members. */
struct layers {
	struct layer *items;
	size_t count;
	struct complaints complaints;
	struct error failure;          /* code 0, or why no file can be read at all */
	char *note;                    /* "user data: why it is no layer", or NULL */
	struct json_object *merged;    /* what can be read, also when it is wrong */
	struct json_object *effective; /* NULL while there are complaints */
	bool is_configured;            /* a layer sets application or source */
};

/*
 * Reads the files: bootagent.json and conf.d in the order of names, or request->file.
 * What is wrong is told by layers_complete(). layers_done() is the caller's.
 */
void layers_read(struct layers *ret_layers, const struct layers_request *request);

/*
 * Lays the user data on what was read with the same request, and the preset below;
 * checks and merges all. A file that is not there is no layer, except request->file:
 * -ENOENT. -EINVAL: layers->complaints has all that is wrong, err the first of it.
 */
int layers_complete(struct layers *layers, const struct layers_request *request,
		    struct error *err) __attribute__((warn_unused_result));

/* Both at once. On failure, too, layers_done() is the caller's. */
int layers_load(struct layers *ret_layers, const struct layers_request *request,
		struct error *err) __attribute__((warn_unused_result));

/*
 * Reads one key from the highest layer so far that has a good value for it, whatever is
 * wrong with the others; the place is as in value_read(). false: none has one, or null
 * takes it back.
 */
bool layers_value(const struct layers *layers, const char *name, void *place)
	__attribute__((warn_unused_result));

void layers_done(struct layers *layers);

/*
 * The layers on one line, "/etc/bootagent/bootagent.json and 2 more", or why the machine
 * is not configured; and why user data is not among them. The caller frees it.
 */
char *layers_describe(const struct layers *layers);

#endif
