/* SPDX-License-Identifier: MIT */
#ifndef TREE_LAYOUT_H
#define TREE_LAYOUT_H

#include <stdbool.h>

struct error;
struct json_object;

/* A revision has at most 64 digits; a REVISION file larger than this holds none. */
#define LAYOUT_REVISION_FILE_MAX_BYTES 128

/* The application's directory, held open. */
struct layout {
	char *path; /* as requested, without slashes at the end */
	int fd;
};

#define LAYOUT_CLOSED ((struct layout){ .path = NULL, .fd = -1 })

/*
 * Opens the directory that the request's "deploy_to" names; not through a link at its
 * last component. layout_close() ends it. From then on the process reaches nothing but
 * what is below it (base/confine.h).
 */
int layout_open(struct layout *layout, const struct json_object *request,
		struct error *err) __attribute__((warn_unused_result));
void layout_close(struct layout *layout);

#define autolayout __attribute__((cleanup(layout_close)))

/*
 * Opens releases/, or the directory of one release in it; never through a link. The
 * caller closes *ret_fd. A code that layout_is_absent() knows: there is no such
 * directory, or something else stands at its name.
 */
int layout_open_releases(const struct layout *layout, int *ret_fd, struct error *err)
	__attribute__((warn_unused_result));
int layout_open_release(const struct layout *layout, const char *release, int *ret_fd,
			struct error *err) __attribute__((warn_unused_result));
bool layout_is_absent(int code);

/*
 * Opens a release that must not be of another revision than the wanted one; as
 * layout_open_release(). *ret_is_finished: its REVISION says so, else it has none yet.
 * -ESTALE: there is no such release, or it is of another revision.
 */
int layout_open_revision(const struct layout *layout, const char *release,
			 const char *wanted, int *ret_fd, bool *ret_is_finished,
			 struct error *err) __attribute__((warn_unused_result));

/*
 * The revision in a release's REVISION file, NULL if there is none that holds a full id;
 * the caller frees it. Fails only when the disk does.
 */
int layout_read_revision(int release_fd, char **ret_revision, struct error *err)
	__attribute__((warn_unused_result));

#endif
