/* SPDX-License-Identifier: MIT */
#include "base/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Users of the host. As root by name, otherwise oneself whatever the name. */

static void somebody_is_found(void **state)
{
	const struct passwd *own = getpwuid(geteuid());
	struct identity identity;
	struct error err = { 0 };
	bool has_primary = false;

	(void)state;
	assert_non_null(own);
	assert_int_equal(identity_init(&identity, own->pw_name, &err), 0);
	assert_string_equal(identity.name, own->pw_name);
	assert_string_equal(identity.home, own->pw_dir);
	assert_int_equal(identity.uid, own->pw_uid);
	assert_int_equal(identity.gid, own->pw_gid);
	for (size_t i = 0; i < identity.group_count; i++)
		has_primary = has_primary || identity.groups[i] == own->pw_gid;
	assert_true(has_primary);
	identity_done(&identity);
}

static void another_user_or_oneself(void **state)
{
	const struct passwd *own = getpwuid(geteuid());
	struct identity identity;
	struct error err = { 0 };

	(void)state;
	assert_non_null(own);
	assert_int_equal(identity_init(&identity, "daemon", &err), 0);
	assert_string_equal(identity.name, geteuid() == 0 ? "daemon" : own->pw_name);
	assert_int_equal(identity.uid == geteuid(), geteuid() != 0);
	identity_done(&identity);
}

static void missing_user_is_never_made(void **state)
{
	const char *name = "no-such-user-here";
	struct identity identity;
	struct error err = { 0 };

	(void)state;
	if (geteuid() == 0) {
		assert_int_equal(identity_init(&identity, name, &err), -ENOENT);
		assert_non_null(strstr(err.text, name));
		assert_null(identity.name);
	} else {
		assert_int_equal(identity_init(&identity, name, &err), 0);
		assert_int_equal(identity.uid, geteuid());
	}
	identity_done(&identity);
	assert_null(getpwnam(name));
}

static void done_twice_is_fine(void **state)
{
	struct identity identity = { 0 };

	(void)state;
	identity_done(&identity);
	identity_done(&identity);
	assert_int_equal(identity.group_count, 0);
}

static void person_is_who_used_sudo(void **state)
{
	static const char *const refused[] = { "", "two words", "a\nb" };

	(void)state;
	assert_int_equal(setenv("SUDO_USER", "operator", 1), 0);
	for (size_t i = 0; i <= ARRAY_COUNT(refused); i++) {
		autofree char *person = identity_person();

		assert_int_equal(strcmp(person, "operator") == 0, i == 0);
		assert_true(*person && !strpbrk(person, "\n"));
		if (i < ARRAY_COUNT(refused))
			assert_int_equal(setenv("SUDO_USER", refused[i], 1), 0);
	}
	assert_int_equal(unsetenv("SUDO_USER"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(somebody_is_found),
		cmocka_unit_test(another_user_or_oneself),
		cmocka_unit_test(missing_user_is_never_made),
		cmocka_unit_test(done_twice_is_fine),
		cmocka_unit_test(person_is_who_used_sudo),
	};

	return cmocka_run_group_tests_name("base_identity", tests, NULL, NULL);
}
