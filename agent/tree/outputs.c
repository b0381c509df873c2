/* SPDX-License-Identifier: MIT */
#include "tree/outputs.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/depot.h"
#include "tree/layout.h"
#include "tree/outkey.h"
#include "tree/outlinks.h"
#include "tree/tool.h"
#include "tree/wanted.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What a step makes is made once for all that decides about it: the key. A step writes
 * through links into a directory of its own, which gets the key for its name only when
 * the step has succeeded and all is on the disk; so a name never stands for half of
 * something. Whatever was not made cleanly stays with its release and is found by nobody.
 */

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* All that the verbs hold open. */
struct outputs {
	struct wanted wanted;
	struct layout layout;
	struct outlinks links;
	char *platform;
	char *temporary; /* the name while the step runs */
};

static void outputs_close(struct outputs *outputs)
{
	memory_close_fd(&outputs->links.release_fd);
	memory_close_fd(&outputs->links.depot_fd);
	layout_close(&outputs->layout);
	free(outputs->platform);
	free(outputs->temporary);
}

#define autooutputs __attribute__((cleanup(outputs_close)))
#define OUTPUTS_CLOSED                              \
	((struct outputs){ .layout = LAYOUT_CLOSED, \
			   .links = { .release_fd = -1, .depot_fd = -1 } })

/* From here on the process reaches nothing but deploy_to. */
static int open_all(struct outputs *outputs, const struct json_object *request,
		    struct error *err)
{
	const struct wanted *wanted = &outputs->wanted;
	bool is_finished;
	int result;

	outputs->platform = outkey_platform();
	outputs->temporary = wanted_temporary_name(wanted);
	outputs->links.wanted = wanted;
	result = layout_open(&outputs->layout, request, err);
	if (result == 0)
		result =
			depot_open(&outputs->layout, true, &outputs->links.depot_fd, err);
	if (result == 0)
		result =
			layout_open_revision(&outputs->layout, wanted->release,
					     wanted->revision, &outputs->links.release_fd,
					     &is_finished, err);
	return result;
}

/* The answer that is remembered, if the tool is the one that gave it. */
static const char *recall(const struct wanted *wanted, struct json_object **ret_tool)
{
	const struct json_object *remembered =
		json_member(wanted->remembered, "tool", json_type_object);
	struct tool tool;

	if (!tool_find(wanted->key_command, wanted->path, &tool))
		return NULL;
	if (remembered && tool_is_same(&tool, remembered))
		return json_string(wanted->remembered, "answer");
	*ret_tool = tool_describe(&tool);
	return NULL;
}

/* Its time says when it was last of use: prune goes by that. */
static int touch(int depot_fd, const char *key, struct error *err)
{
	autoclose int fd = openat(depot_fd, key, DIRECTORY_FLAGS);

	if (fd >= 0 && futimens(fd, NULL) == 0)
		return 0;
	return error_set(err, errno, "set the time of the outputs '%s': %s", key,
			 strerror(errno));
}

static int find(struct outputs *outputs, const char *key, bool *ret_is_hit,
		struct error *err)
{
	int depot_fd = outputs->links.depot_fd;
	int result = depot_look(depot_fd, key, &outputs->wanted, ret_is_hit, err);

	if (result < 0)
		return result;
	if (*ret_is_hit) {
		result = touch(depot_fd, key, err);
		return result < 0 ? result : outlinks_make(&outputs->links, key, err);
	}
	result = depot_prepare(depot_fd, outputs->temporary, &outputs->wanted, err);
	if (result == 0)
		result = outlinks_make(&outputs->links, outputs->temporary, err);
	return result;
}

static int find_all(struct outputs *outputs, struct json_object *reply, struct error *err)
{
	char key[DIGEST_HEX_BYTES];
	bool is_hit = false;
	int result;

	depot_sweep(outputs->links.depot_fd, outputs->wanted.run);
	result = outlinks_check_free(&outputs->links, err);
	if (result == 0)
		result = outkey_make(&outputs->layout, &outputs->wanted,
				     outputs->platform, key, err);
	if (result == 0)
		result = find(outputs, key, &is_hit, err);
	if (result < 0)
		return result;
	json_set_string(reply, "key", key);
	json_set_boolean(reply, "hit", is_hit);
	json_set_string(reply, "answer", outputs->wanted.answer);
	return 0;
}

int tree_find_outputs(const struct json_object *request, struct json_object **ret_result,
		      struct error *err)
{
	autojson struct json_object *reply = json_new_object();
	autooutputs struct outputs outputs = OUTPUTS_CLOSED;
	struct wanted *wanted = &outputs.wanted;
	struct json_object *tool = NULL;
	int result = wanted_read(request, wanted, err);

	if (result < 0)
		return result;
	if (wanted->key_command && !wanted->answer)
		wanted->answer = recall(wanted, &tool);
	if (wanted->key_command && !wanted->answer) {
		json_set_boolean(reply, "ask", true);
		json_set(reply, "tool", tool);
		*ret_result = TAKE(reply);
		return 0;
	}
	result = open_all(&outputs, request, err);
	if (result == 0)
		result = find_all(&outputs, reply, err);
	if (result == 0)
		*ret_result = TAKE(reply);
	return result;
}

/* Why what the step made is for its release alone; NULL: it is for all. */
static int judge(const struct outputs *outputs, size_t in_place, const char **ret_why,
		 struct error *err)
{
	char key[DIGEST_HEX_BYTES];
	int result;

	if (in_place < wanted_count(&outputs->wanted)) {
		*ret_why = "replaced";
		return 0;
	}
	result = outkey_make(&outputs->layout, &outputs->wanted, outputs->platform, key,
			     err);
	/* It removed one: changed all the same. */
	if (result < 0 && result != -ENOENT)
		return result;
	*ret_why = result == 0 && strcmp(key, outputs->wanted.key) == 0 ? NULL : "inputs";
	return 0;
}

static int store(const struct outputs *outputs, const char *name, int64_t *ret_size_bytes,
		 struct error *err)
{
	int depot_fd = outputs->links.depot_fd;
	int result = depot_note(depot_fd, outputs->temporary, &outputs->wanted,
				ret_size_bytes, err);

	if (result == 0)
		result = depot_move(depot_fd, outputs->temporary, name, &outputs->wanted,
				    err);
	return result < 0 ? result
			  : outlinks_move(&outputs->links, outputs->temporary, name, err);
}

static int keep(const struct outputs *outputs, struct json_object *reply,
		struct error *err)
{
	autofree char *own = wanted_own_name(&outputs->wanted);
	size_t in_place = outlinks_count(&outputs->links, outputs->temporary);
	int64_t size_bytes = 0;
	const char *why = NULL;
	int result = judge(outputs, in_place, &why, err);

	if (result == 0 && in_place > 0)
		result =
			store(outputs, why ? own : outputs->wanted.key, &size_bytes, err);
	else if (result == 0)
		result = depot_remove(outputs->links.depot_fd, outputs->temporary, err);
	if (result < 0)
		return result;
	json_set_boolean(reply, "stored", !why);
	json_set_string(reply, "why", why);
	json_set_integer(reply, "size_bytes", size_bytes);
	return 0;
}

static int begin(struct outputs *outputs, const struct json_object *request,
		 struct error *err)
{
	int result = wanted_read(request, &outputs->wanted, err);

	if (result == 0 && !outputs->wanted.key)
		result = error_set(err, EINVAL, "the request lacks 'key': say which");
	return result < 0 ? result : open_all(outputs, request, err);
}

int tree_keep_outputs(const struct json_object *request, struct json_object **ret_result,
		      struct error *err)
{
	autojson struct json_object *reply = json_new_object();
	autooutputs struct outputs outputs = OUTPUTS_CLOSED;
	int result = begin(&outputs, request, err);

	if (result == 0)
		result = keep(&outputs, reply, err);
	if (result < 0)
		return result;
	*ret_result = TAKE(reply);
	return 0;
}

int tree_drop_outputs(const struct json_object *request,
		      struct json_object **ret_result __attribute__((unused)),
		      struct error *err)
{
	autooutputs struct outputs outputs = OUTPUTS_CLOSED;
	int result = begin(&outputs, request, err);

	/* A step may have removed its own release. */
	if (outputs.links.release_fd >= 0)
		result = outlinks_remove(&outputs.links, outputs.temporary, err);
	if (outputs.links.depot_fd >= 0 && (result == 0 || result == -ESTALE))
		result = depot_remove(outputs.links.depot_fd, outputs.temporary, err);
	return result;
}
