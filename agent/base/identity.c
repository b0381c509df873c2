/* SPDX-License-Identifier: MIT */
#include "base/identity.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Users of the host. All look-ups happen here, in the supervisor and before any fork: the
 * name service is not safe to call between fork and exec.
 */

#define PASSWD_BUFFER_BYTES 16384
#define GROUPS_FIRST_COUNT 32
#define LOGIN_UID_MAX_BYTES 32

static void load_groups(struct identity *identity)
{
	int count = GROUPS_FIRST_COUNT;

	identity->groups = memory_new((size_t)count, sizeof(*identity->groups));
	while (getgrouplist(identity->name, identity->gid, identity->groups, &count) < 0)
		identity->groups = memory_grow(identity->groups, 0, (size_t)count,
					       sizeof(*identity->groups));
	identity->group_count = (size_t)count;
}

int identity_init(struct identity *identity, const char *user, struct error *err)
{
	char buffer[PASSWD_BUFFER_BYTES];
	struct passwd entry, *found = NULL;
	int result;

	*identity = (struct identity){ 0 };
	if (geteuid() == 0)
		result = getpwnam_r(user, &entry, buffer, sizeof(buffer), &found);
	else
		result = getpwuid_r(geteuid(), &entry, buffer, sizeof(buffer), &found);
	if (result != 0)
		return error_set(err, result, "look up the user '%s': %s", user,
				 strerror(result));
	if (!found)
		return error_set(
			err, ENOENT,
			"there is no user '%s' here: make it, or name another one", user);
	identity->name = text_copy(found->pw_name);
	identity->home = text_copy(found->pw_dir);
	identity->uid = found->pw_uid;
	identity->gid = found->pw_gid;
	load_groups(identity);
	return 0;
}

void identity_done(struct identity *identity)
{
	free(identity->name);
	free(identity->home);
	free(identity->groups);
	*identity = (struct identity){ 0 };
}

static char *name_of(uid_t uid)
{
	char buffer[PASSWD_BUFFER_BYTES];
	struct passwd entry, *found = NULL;

	if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
		return NULL;
	return text_copy(found->pw_name);
}

/* Given at the login and kept through changes of user; (uid_t)-1: nobody logged in. */
static char *login_name(void)
{
	autofree char *text = NULL;
	autoclose int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error ignored;
	unsigned long uid;

	if (fd < 0 ||
	    file_read(fd, "loginuid", LOGIN_UID_MAX_BYTES, &text, NULL, &ignored) < 0)
		return NULL;
	uid = strtoul(text, NULL, 10);
	return uid == (uid_t)-1 ? NULL : name_of((uid_t)uid);
}

char *identity_person(void)
{
	const char *sudo_user = getenv("SUDO_USER");
	char *name;

	if (sudo_user && text_is_printable(sudo_user) &&
	    strlen(sudo_user) <= NAME_MAX_BYTES)
		return text_copy(sudo_user);
	name = login_name();
	if (!name)
		name = name_of(geteuid());
	return name ? name : text_format("uid %u", geteuid());
}
