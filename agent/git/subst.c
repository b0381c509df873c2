/* SPDX-License-Identifier: MIT */
#include "git/subst.h"

#include "base/error.h"
#include "base/text.h"
#include "git/content.h"
#include "git/failure.h"
#include "git/pretty.h"

#include <stdio.h>
#include <string.h>

/*
 * export-subst: where $Format:…$ stands and what is in it; what each placeholder means is
 * pretty.c's. One that is unknown stays with its '%', as in git.
 */

#define BEGIN "$Format:"

static void tell_left(struct subst *subst, const char *placeholder, size_t left_bytes)
{
	char shown[4] = { '%' };
	size_t used = strlen(subst->left);

	memcpy(shown + 1, placeholder, left_bytes < 2 ? left_bytes : 2);
	text_make_printable(shown);
	if (!strstr(subst->left, shown) && used + sizeof(shown) < sizeof(subst->left))
		(void)snprintf(subst->left + used, sizeof(subst->left) - used, "%s%s",
			       used > 0 ? " " : "", shown);
}

static void expand(struct subst *subst, const struct pretty *pretty, const char *format,
		   size_t length_bytes, struct content_text *text)
{
	const char *end = format + length_bytes;

	while (format < end) {
		const char *percent = memchr(format, '%', (size_t)(end - format));
		size_t used;

		if (!percent)
			break;
		content_text_add(text, format, (size_t)(percent - format));
		format = percent + 1;
		used = pretty_add(pretty, format, (size_t)(end - format), text);
		if (used == 0) {
			content_text_add(text, "%", 1);
			tell_left(subst, format, (size_t)(end - format));
		}
		format += used;
	}
	content_text_add(text, format, (size_t)(end - format));
}

static void replace_all(struct subst *subst, const struct pretty *pretty,
			struct content *content)
{
	const char *from = content->data, *end = from + content->length_bytes, *begin;
	struct content_text text;

	content_text_init(&text);
	while ((begin = memmem(from, (size_t)(end - from), BEGIN, strlen(BEGIN)))) {
		const char *format = begin + strlen(BEGIN);
		const char *dollar = memchr(format, '$', (size_t)(end - format));

		if (!dollar)
			break;
		content_text_add(&text, from, (size_t)(begin - from));
		/* To git a format is a C string. */
		expand(subst, pretty, format, strnlen(format, (size_t)(dollar - format)),
		       &text);
		from = dollar + 1;
	}
	content_text_add(&text, from, (size_t)(end - from));
	content_replace(content, &text);
}

int subst_apply(struct subst *subst, struct content *content, struct error *err)
{
	struct pretty pretty;
	int result = 0;

	subst->left[0] = '\0';
	if (!memmem(content->data, content->length_bytes, BEGIN, strlen(BEGIN)))
		return 0;
	if (pretty_init(&pretty, subst->repository, subst->commit))
		replace_all(subst, &pretty, content);
	else
		result = failure_set(err, -1, "read the commit's author and committer");
	pretty_done(&pretty);
	return result;
}
