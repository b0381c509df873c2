/* SPDX-License-Identifier: MIT */
#include "git/walk.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "git/attributes.h"
#include "git/entry.h"
#include "git/failure.h"
#include "git/handles.h"

#include <errno.h>
#include <string.h>

/*
 * The way through a revision, for whatever is to be done on it. It keeps its own stack,
 * so no tree is too deep for ours, and the path as one text; attributes are read where a
 * directory has a .gitattributes, and a tree without any never asks for one.
 */

#define ATTRIBUTES_NAME ".gitattributes"
#define PATH_SHOWN_MAX_BYTES 200

/* A directory on the way. */
struct level {
	git_tree *tree;
	size_t next;       /* the entry to visit */
	size_t path_bytes; /* of the way to it, with a '/' at the end; 0 for the root */
	bool has_attributes;
};

struct walk {
	git_repository *repository;
	const struct walk_visitor *visitor;
	struct attributes attributes;
	struct level *levels;
	size_t depth, capacity;
	char *path;
	size_t path_capacity;
};

static void pop_level(struct walk *walk)
{
	struct level *level = &walk->levels[--walk->depth];

	git_tree_free(level->tree);
	if (level->has_attributes)
		attributes_leave(&walk->attributes);
}

static void walk_done(struct walk *walk)
{
	while (walk->depth > 0)
		pop_level(walk);
	attributes_done(&walk->attributes);
	free(walk->levels);
	free(walk->path);
}

/* As in git, whatever lies at that name is read, a link, too, but no directory. */
static int read_attributes(struct walk *walk, struct level *level, struct error *err)
{
	const git_tree_entry *entry = git_tree_entry_byname(level->tree, ATTRIBUTES_NAME);
	autoblob git_blob *blob = NULL;
	autofree char *text = NULL;
	int code;

	if (!entry || git_tree_entry_type(entry) != GIT_OBJECT_BLOB)
		return 0;
	code = git_blob_lookup(&blob, walk->repository, git_tree_entry_id(entry));
	if (code < 0)
		return failure_set_object(err, code, git_tree_entry_id(entry));
	text = text_format("%.*s", (int)git_blob_rawsize(blob),
			   (const char *)git_blob_rawcontent(blob));
	attributes_enter(&walk->attributes, level->path_bytes, text);
	level->has_attributes = true;
	return 0;
}

static int push_level(struct walk *walk, const git_oid *tree_id, size_t path_bytes,
		      struct error *err)
{
	struct level *level;
	int code;

	if (walk->depth == WALK_DEPTH_MAX)
		return error_set(err, ELOOP, "more than %d directories deep",
				 WALK_DEPTH_MAX);
	if (walk->depth == walk->capacity) {
		size_t capacity = walk->capacity * 2 + 16;

		walk->levels = memory_grow(walk->levels, walk->capacity, capacity,
					   sizeof(*walk->levels));
		walk->capacity = capacity;
	}
	level = &walk->levels[walk->depth];
	*level = (struct level){ .path_bytes = path_bytes };
	code = git_tree_lookup(&level->tree, walk->repository, tree_id);
	if (code < 0)
		return failure_set_object(err, code, tree_id);
	walk->depth++;
	return read_attributes(walk, level, err);
}

/* Puts the name behind the way to the level; returns the path's length. */
static size_t set_path(struct walk *walk, const struct level *level, const char *name)
{
	size_t length = strlen(name), needed = level->path_bytes + length + 2;

	if (needed > walk->path_capacity) {
		walk->path = memory_grow(walk->path, walk->path_capacity, needed * 2, 1);
		walk->path_capacity = needed * 2;
	}
	memcpy(walk->path + level->path_bytes, name, length + 1);
	return level->path_bytes + length;
}

static bool is_true(const struct attribute_value *values, enum attribute attribute)
{
	return values && values[attribute].state == ATTRIBUTE_TRUE;
}

static int visit_directory(struct walk *walk, const git_tree_entry *entry,
			   size_t path_bytes, struct error *err)
{
	const struct walk_visitor *visitor = walk->visitor;
	int result;

	if (is_true(attributes_look_up(&walk->attributes, walk->path, true),
		    ATTRIBUTE_EXPORT_IGNORE))
		return 0;
	walk->path[path_bytes++] = '/';
	result = push_level(walk, git_tree_entry_id(entry), path_bytes, err);
	if (result == 0)
		result = visitor->enter(visitor->userdata, git_tree_entry_name(entry),
					err);
	return result;
}

static int visit_leaf(struct walk *walk, const git_tree_entry *entry, struct error *err)
{
	/* To a pattern a submodule is a directory. */
	bool is_directory = git_tree_entry_filemode(entry) == GIT_FILEMODE_COMMIT;
	const struct attribute_value *values =
		attributes_look_up(&walk->attributes, walk->path, is_directory);
	const struct walk_leaf leaf = {
		.name = git_tree_entry_name(entry),
		.path = walk->path,
		.id = git_tree_entry_id(entry),
		.mode = git_tree_entry_filemode(entry),
		.attributes = values,
		.is_ignored = is_true(values, ATTRIBUTE_EXPORT_IGNORE),
	};

	return walk->visitor->leaf(walk->visitor->userdata, &leaf, err);
}

/* Of a long path the end, so that the cause behind it still fits into the error. */
static int wrap_path(struct walk *walk, size_t path_bytes, struct error *err)
{
	size_t hidden_bytes =
		path_bytes > PATH_SHOWN_MAX_BYTES ? path_bytes - PATH_SHOWN_MAX_BYTES : 0;

	walk->path[path_bytes] = '\0';
	return error_wrap(err, "write '%s'", walk->path + hidden_bytes);
}

static int visit(struct walk *walk, const struct level *level,
		 const git_tree_entry *entry, struct error *err)
{
	const char *name = git_tree_entry_name(entry);
	size_t path_bytes = set_path(walk, level, name);
	int result;

	if (!entry_is_safe_name(name))
		result = error_set(err, EBADMSG, "no file may have this name");
	else if (git_tree_entry_filemode(entry) == GIT_FILEMODE_TREE)
		result = visit_directory(walk, entry, path_bytes, err);
	else
		result = visit_leaf(walk, entry, err);
	return result < 0 ? wrap_path(walk, path_bytes, err) : 0;
}

static int walk_on(struct walk *walk, struct error *err)
{
	int result = 0;

	while (result == 0 && walk->depth > 0) {
		struct level *level = &walk->levels[walk->depth - 1];
		const git_tree_entry *entry =
			git_tree_entry_byindex(level->tree, level->next++);

		if (entry) {
			result = visit(walk, level, entry, err);
			continue;
		}
		pop_level(walk);
		if (walk->depth > 0)
			walk->visitor->leave(walk->visitor->userdata);
	}
	return result;
}

int walk_tree(git_repository *repository, const git_oid *tree_id,
	      const struct walk_visitor *visitor, struct error *err)
{
	__attribute__((cleanup(walk_done))) struct walk walk = {
		.repository = repository,
		.visitor = visitor,
	};
	int result;

	attributes_init(&walk.attributes);
	result = push_level(&walk, tree_id, 0, err);
	return result < 0 ? result : walk_on(&walk, err);
}
