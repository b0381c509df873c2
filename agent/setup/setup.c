/* SPDX-License-Identifier: MIT */
#include "setup/setup.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "run/options.h"
#include "run/run.h"
#include "setup/setup_types.h"
#include "state/places.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/*
 * The last thing root does in the application's world: it makes directories and gives
 * them away. Everything below them is done by workers with the users' own rights. What
 * exists already and belongs to the right user is left as it is.
 */

#define CACHE "/var/cache/bootagent"
#define MIRROR_MODE 02750 /* the application reads it through its group */
#define DEPLOY_MODE 0755
#define HOME_MODE 0700

static int make(const struct run *run, const struct places_directory *directory,
		char **ret_path, struct error *err)
{
	autoclose int fd = -1;
	int result = places_make_owned(&run->places, directory, &fd, err);

	if (result < 0)
		return result;
	return places_path_of(fd, ret_path, err);
}

static int make_home(const struct run *run, const char *role,
		     const struct identity *owner, char **ret_path, struct error *err)
{
	autofree char *path =
		text_format(CACHE "/home/%s-%s", run->config->application.name, role);
	const struct places_directory directory = {
		.path = path,
		.mode = HOME_MODE,
		.owner = owner,
		.group = owner->gid,
		.is_cache = true,
	};

	return make(run, &directory, ret_path, err);
}

/*
 * On the machine itself steps live where the user lives; below a root, in a home of their
 * own.
 */
static int find_application_home(const struct run *run, struct setup *setup,
				 struct error *err)
{
	if (strcmp(run->places.root, "/") != 0)
		return make_home(run, "application", &setup->application,
				 &setup->application_home, err);
	setup->application_home = text_copy(setup->application.home);
	return 0;
}

/* A user that does not exist, or is root, is a fault of the configuration: -EINVAL. */
static int find_user(struct identity *identity, const char *user, const char *key,
		     struct error *err)
{
	int result = identity_init(identity, user, err);

	if (result == -ENOENT)
		result = err->code = -EINVAL;
	if (result == 0 && geteuid() == 0 && identity->uid == 0)
		result = error_set(err, EINVAL,
				   "root is not to do this: name a user without rights");
	return result < 0 ? error_wrap(err, "%s", key) : 0;
}

/*
 * A process of the application could read git's key or token out of the worker that
 * fetches, or write into the mirror. Whoever is not root has one user for everything.
 */
static int check_apart(const struct run *run, const struct setup *setup,
		       struct error *err)
{
	const struct config *config = run->config;
	const char *key = config->source.token_parameter ? "source.token_parameter"
		: config->source.ssh_key_parameter       ? "source.ssh_key_parameter"
							 : NULL;

	if (geteuid() != 0 || setup->source.uid != setup->application.uid)
		return 0;
	if (key)
		return error_set(err, EINVAL,
				 "source.user: it is application.user, too, and the "
				 "application could read what %s names while git "
				 "fetches: name another user, best one that does nothing "
				 "else",
				 key);
	run_warn(run,
		 "source.user is application.user, too: the application can change "
		 "what is fetched; name another user");
	return 0;
}

static int find_users(const struct run *run, struct setup *setup, struct error *err)
{
	const struct config *config = run->config;
	int result = find_user(&setup->application, config->application.user,
			       "application.user", err);

	if (result == 0)
		result = find_user(&setup->source, config->source.user, "source.user",
				   err);
	return result < 0 ? result : check_apart(run, setup, err);
}

int setup_stage(struct run *run, struct error *err)
{
	const struct config *config = run->config;
	struct setup *setup = memory_new(1, sizeof(*setup));
	struct places_directory deploy_to = { .path = config->release.deploy_to,
					      .mode = DEPLOY_MODE };
	int result;

	run->setup = setup;
	result = find_users(run, setup, err);
	if (result == 0)
		result = releases_load(run->places.state_fd, &run->releases, err);
	if (result < 0)
		return result;
	deploy_to.owner = &setup->application;
	deploy_to.group = setup->application.gid;
	setup->mirror_path = text_format(CACHE "/%s.git", config->application.name);
	setup->mirror_place = (struct places_directory){
		.path = setup->mirror_path,
		.mode = MIRROR_MODE,
		.owner = &setup->source,
		.group = setup->application.gid,
		.is_cache = true,
	};
	result = make(run, &deploy_to, &setup->deploy_to, err);
	if (result == 0)
		result = make(run, &setup->mirror_place, &setup->mirror, err);
	if (result == 0)
		result = make_home(run, "source", &setup->source, &setup->source_home,
				   err);
	if (result == 0)
		result = find_application_home(run, setup, err);
	if (result == 0)
		run_detail(run, "%s of %s", config->release.deploy_to,
			   setup->application.name);
	setup->is_complete = result == 0;
	return result;
}

void setup_stage_done(struct run *run)
{
	struct setup *setup = run->setup;

	if (!setup)
		return;
	identity_done(&setup->application);
	identity_done(&setup->source);
	free(setup->deploy_to);
	free(setup->mirror);
	free(setup->mirror_path);
	free(setup->application_home);
	free(setup->source_home);
	free(setup);
	run->setup = NULL;
}
