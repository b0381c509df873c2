/* SPDX-License-Identifier: MIT */
#include "git/notices.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

/*
 * What an export cannot fill in, in one sentence a kind, however many paths it concerns.
 *
 * A pointer of Git LFS in the place of a file is an error: no probe notices a picture
 * that is 130 bytes of text. An empty submodule is not: it often holds documents or
 * fixtures, git archive leaves it empty, too, and an application that needs it fails its
 * probe, with this sentence in the log. Paths marked export-ignore are neither.
 */

#define PATHS_SHOWN_MAX 3
#define PATH_SHOWN_MAX_BYTES 80
#define DETAIL_MAX_BYTES 64

static const struct {
	const char *one, *many; /* behind the paths */
	const char *before_detail, *after_detail;
} sentences[NOTICE_COUNT] = {
	[NOTICE_SUBMODULE] = {
		" is a submodule and was left empty, for submodules are not fetched: if "
		"the application needs it, commit its files",
		" are submodules and were left empty, for submodules are not fetched: if "
		"the application needs them, commit their files",
		"", "",
	},
	[NOTICE_LFS] = {
		" is stored with Git LFS, which is not fetched: commit the file itself, "
		"or mark it export-ignore in .gitattributes if no release needs it",
		" are stored with Git LFS, which is not fetched: commit the files "
		"themselves, or mark them export-ignore in .gitattributes if no release "
		"needs them",
		"", "",
	},
	[NOTICE_FILTER] = {
		" is as it was committed, for filters are not run",
		" are as they were committed, for filters are not run",
		" (here '", "')",
	},
	[NOTICE_ENCODING] = {
		" is in UTF-8, as it was committed, for texts are not re-encoded",
		" are in UTF-8, as they were committed, for texts are not re-encoded",
		" (here as '", "')",
	},
	[NOTICE_PLACEHOLDER] = {
		" keeps placeholders of export-subst that only git itself can fill in",
		" keep placeholders of export-subst that only git itself can fill in",
		" (", ")",
	},
};

void notices_done(struct notices *notices)
{
	for (size_t i = 0; i < NOTICE_COUNT; i++) {
		free(notices->items[i].paths);
		free(notices->items[i].detail);
	}
	*notices = (struct notices){ 0 };
}

void notices_add(struct notices *notices, enum notice notice, const char *path,
		 const char *detail)
{
	struct noticed *noticed = &notices->items[notice];
	autofree char *shown = NULL;
	char *longer;

	if (!noticed->detail) {
		noticed->detail =
			text_format("%.*s", DETAIL_MAX_BYTES, detail ? detail : "");
		text_make_printable(noticed->detail);
	}
	if (++noticed->count > PATHS_SHOWN_MAX)
		return;
	shown = text_format("%.*s", PATH_SHOWN_MAX_BYTES, path);
	text_make_printable(shown);
	longer = text_format("%s%s'%s'", noticed->paths ? noticed->paths : "",
			     noticed->paths ? ", " : "", shown);
	free(noticed->paths);
	noticed->paths = longer;
}

static char *describe(const struct notices *notices, enum notice notice)
{
	const struct noticed *noticed = &notices->items[notice];
	size_t shown =
		noticed->count > PATHS_SHOWN_MAX ? PATHS_SHOWN_MAX : noticed->count;
	autofree char *more = noticed->count > shown
		? text_format(" and %zu more", noticed->count - shown)
		: text_copy("");

	return text_format("%s%s%s%s%s%s", noticed->paths, more,
			   noticed->count == 1 ? sentences[notice].one
					       : sentences[notice].many,
			   sentences[notice].before_detail, noticed->detail,
			   sentences[notice].after_detail);
}

int notices_check(const struct notices *notices, struct error *err)
{
	autofree char *sentence = NULL;

	if (notices->items[NOTICE_LFS].count == 0)
		return 0;
	sentence = describe(notices, NOTICE_LFS);
	return error_set(err, EBADMSG, "%s", sentence);
}

struct json_object *notices_describe(const struct notices *notices)
{
	struct json_object *array = json_new_array();

	for (size_t i = 0; i < NOTICE_COUNT; i++) {
		autofree char *sentence = NULL;

		if (notices->items[i].count == 0)
			continue;
		sentence = describe(notices, (enum notice)i);
		(void)json_object_array_add(array, json_object_new_string(sentence));
	}
	return array;
}
