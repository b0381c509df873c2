/* SPDX-License-Identifier: MIT */
#include "config/layers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"
#include "config/effective.h"
#include "config/keys.h"

#include <errno.h>
#include <string.h>

/* Which files are read, in which order, and what they amount to. */

#define MAIN "etc/bootagent/bootagent.json"
#define PRESET "usr/lib/bootagent/presets/rails/config.json"
#define FRAGMENT "etc/bootagent/conf.d/50.json"
#define REQUIRED                                       \
	"\"application\": {\"name\": \"api\"}, "       \
	"\"source\": {\"repo_url\": \"http://h/r\"}, " \
	"\"readiness\": {\"url\": \"http://h/\"}"

static int setup(void **state)
{
	static const char *const directories[] = {
		"etc",
		"etc/bootagent",
		"etc/bootagent/conf.d",
		"usr",
		"usr/lib",
		"usr/lib/bootagent",
		"usr/lib/bootagent/presets",
		"usr/lib/bootagent/presets/rails",
	};

	if (scratch_setup(state) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(directories); i++)
		if (mkdirat(((struct scratch *)*state)->fd, directories[i], 0755) < 0)
			return -1;
	return 0;
}

static void put(const struct scratch *scratch, const char *name, const char *text)
{
	assert_int_equal(scratch_put(scratch, name, text, strlen(text)), 0);
}

/* Loads the scratch directory's layers; the text is user data. */
static int load(const struct scratch *scratch, const char *user_data,
		struct layers *ret_layers, struct error *err)
{
	const struct config_layer layer = { .origin = "user data",
					    .text = user_data,
					    .length_bytes =
						    user_data ? strlen(user_data) : 0 };
	const struct layers_request request = { .root_fd = scratch->fd,
						.user_data = user_data ? &layer : NULL };

	*err = (struct error){ 0 };
	return layers_load(ret_layers, &request, err);
}

static void load_good(const struct scratch *scratch, const char *user_data,
		      struct layers *ret_layers)
{
	struct error err;

	if (load(scratch, user_data, ret_layers, &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(ret_layers->effective);
}

static void assert_value(const struct layers *layers, const char *name, const char *text,
			 const char *place)
{
	struct json_object *value = key_value(layers->effective, name);
	struct origin origin = origin_of(value);
	autofree char *found =
		text_format("%s:%u", origin.file ? origin.file : "", origin.line);

	assert_string_equal(value ? json_line(value) : "null", text);
	assert_string_equal(origin.file ? found : "default", place);
}

static void assert_error(const struct scratch *scratch, const char *user_data,
			 const char *sentence)
{
	struct layers layers;
	struct error err;

	assert_int_equal(load(scratch, user_data, &layers, &err), -EINVAL);
	assert_string_equal(err.text, sentence);
	layers_done(&layers);
}

static void layers_lie_on_each_other(void **state)
{
	struct layers layers;

	put(*state, PRESET,
	    "{\"source\": {\"branch\": \"preset\", \"timeout\": \"1m\"},\n"
	    "\"boot\": {\"deadline\": \"1h\"},\n"
	    "\"readiness\": {\"interval\": \"1s\"}}");
	put(*state, MAIN,
	    "{\"preset\": \"rails\", " REQUIRED ",\n"
	    "\"boot\": {\"deadline\": \"2h\"}}");
	put(*state, "etc/bootagent/conf.d/20-b.json",
	    "{\"boot\": {\"deadline\": \"3h\"}, \"lifecycle\": {\"hook\": \"b\"}}");
	put(*state, "etc/bootagent/conf.d/10-a.json",
	    "{\"boot\": {\"deadline\": \"4h\"}, \"lifecycle\": {\"hook\": \"a\"}}");
	put(*state, "etc/bootagent/conf.d/.30-c.json", "{");
	put(*state, "etc/bootagent/conf.d/40-d.json~", "{");
	put(*state, "etc/bootagent/conf.d/.json", "{");
	load_good(*state, "{\"source\": {\"user\": \"u\"}}", &layers);
	assert_int_equal(layers.count, 5);
	assert_value(&layers, "source.branch", "\"preset\"", "/" PRESET ":1");
	assert_value(&layers, "source.repo_url", "\"http://h/r\"", "/" MAIN ":1");
	assert_value(&layers, "source.user", "\"u\"", "user data:1");
	assert_value(&layers, "boot.deadline", "\"3h\"",
		     "/etc/bootagent/conf.d/20-b.json:1");
	assert_value(&layers, "lifecycle.hook", "\"b\"",
		     "/etc/bootagent/conf.d/20-b.json:1");
	assert_value(&layers, "readiness.interval", "\"1s\"", "/" PRESET ":3");
	assert_value(&layers, "readiness.timeout", "\"2m\"", "default");
	assert_value(&layers, "release.deploy_to", "\"/srv/api\"", "default");
	layers_done(&layers);
}

static void highest_layer_names_the_preset(void **state)
{
	struct layers layers;

	put(*state, PRESET, "{\"source\": {\"branch\": \"preset\"}}");
	put(*state, MAIN, "{\"preset\": \"no-such\", " REQUIRED "}");
	load_good(*state, "{\"preset\": \"rails\"}", &layers);
	assert_value(&layers, "source.branch", "\"preset\"", "/" PRESET ":1");
	assert_value(&layers, "preset", "\"rails\"", "user data:1");
	layers_done(&layers);
	load_good(*state, "{\"preset\": null}", &layers);
	assert_value(&layers, "source.branch", "\"main\"", "default");
	layers_done(&layers);
	assert_error(*state, NULL,
		     "/" MAIN ":1:12: 'preset': there is no 'no-such' in "
		     "/usr/lib/bootagent/presets: correct the name, or remove "
		     "the key");
	assert_int_equal(unlinkat(((struct scratch *)*state)->fd, PRESET, 0), 0);
	assert_error(*state, "{\"preset\": \"rails\"}",
		     "user data:1:12: 'preset': /usr/lib/bootagent/presets/rails has no "
		     "config.json: install the preset again, or remove the key");
	assert_error(*state, "{\"preset\": \"rials\"}",
		     "user data:1:12: 'preset': there is no 'rials' in "
		     "/usr/lib/bootagent/presets: did you mean 'rails'?");
}

static void preset_names_no_other(void **state)
{
	put(*state, PRESET, "{\"preset\": \"rails\"}");
	assert_error(*state, "{\"preset\": \"rails\", " REQUIRED "}",
		     "/" PRESET ":1:12: 'preset': a preset cannot begin with another "
		     "one: remove the key");
}

static void null_takes_back_what_lower_layers_set(void **state)
{
	struct layers layers;

	put(*state, MAIN,
	    "{" REQUIRED ", \"boot\": {\"deadline\": \"2h\"}, "
	    "\"steps\": [{\"name\": \"a\", \"run\": [\"a\"], \"timeout\": \"1m\"}], "
	    "\"lifecycle\": {\"hook\": \"h\"}}");
	put(*state, "etc/bootagent/conf.d/a.json",
	    "{\"application\": {\"environment\": {\"A\": \"1\", \"B\": \"1\", "
	    "\"_comment\": 1}}, \"boot\": null, \"lifecycle\": {\"hook\": null}}");
	load_good(*state,
		  "{\"application\": {\"environment\": {\"A\": null, \"C\": \"2\"}}, "
		  "\"boot\": {}, \"steps\": [{\"name\": \"a\", \"timeout\": null}]}",
		  &layers);
	assert_value(&layers, "boot.deadline", "\"30m\"", "default");
	assert_value(&layers, "lifecycle.hook", "null", "default");
	assert_value(&layers, "application.environment", "{\"B\":\"1\",\"C\":\"2\"}",
		     "user data:1");
	assert_value(&layers, "steps",
		     "[{\"name\":\"a\",\"when\":\"before-publish\",\"run\":[\"a\"],"
		     "\"timeout\":\"15m\",\"inputs\":[],\"outputs\":[],"
		     "\"key_command\":null,\"parallel\":false,\"tasks_max\":4096}]",
		     "user data:1");
	layers_done(&layers);
	load_good(*state, "{\"steps\": null, \"_comment\": null}", &layers);
	assert_value(&layers, "steps", "[]", "default");
	layers_done(&layers);
	assert_error(*state, "{\"application\": {\"name\": null}}",
		     "user data:1:18: 'application.name' is missing, null takes it back "
		     "here: set it, or remove the null. The application's short name; "
		     "names its directories.");
	assert_error(*state, "{\n\"readiness\": null}",
		     "user data:2:1: 'readiness.url' is missing, null takes it back "
		     "here: set it, or remove the null. The address that answers when "
		     "the application serves.");
	assert_error(*state, "{\"steps\": [{\"name\": \"a\", \"run\": null}]}",
		     "user data:1:26: 'steps[a].run' is missing, null takes it back "
		     "here: set it, or remove the null. The command and its arguments; "
		     "no shell stands between.");
}

/* The names of the steps, "a b c". */
static void assert_steps(const struct scratch *scratch, const char *user_data,
			 const char *names)
{
	autofree char *found = text_copy("");
	struct json_object *steps;
	struct layers layers;

	load_good(scratch, user_data, &layers);
	steps = key_value(layers.effective, "steps");
	for (size_t i = 0; i < json_object_array_length(steps); i++) {
		char *longer =
			text_format("%s%s%s", found, i ? " " : "",
				    json_string(json_object_array_get_idx(steps, i),
						"name"));

		free(found);
		found = longer;
	}
	assert_string_equal(found, names);
	layers_done(&layers);
}

#define STEP(name, more) "{\"name\": \"" name "\", \"run\": [\"x\"]" more "}"

static void steps_merge_by_name(void **state)
{
	put(*state, MAIN,
	    "{" REQUIRED
	    ", \"steps\": [" STEP("a", "") ", " STEP("b", "") ", " STEP("c", "") "]}");
	assert_steps(*state, NULL, "a b c");
	assert_steps(*state, "{\"steps\": []}", "a b c");
	assert_steps(*state, "{\"steps\": [" STEP("d", "") "]}", "a b c d");
	assert_steps(*state, "{\"steps\": [" STEP("b", ", \"timeout\": \"1m\"") "]}",
		     "a b c");
	assert_steps(*state, "{\"steps\": [{\"name\": \"b\", \"remove\": true}]}", "a c");
	assert_steps(*state, "{\"steps\": [{\"name\": \"b\", \"remove\": false}]}",
		     "a b c");
	assert_steps(*state, "{\"steps\": [" STEP("d", ", \"before\": \"a\"") "]}",
		     "d a b c");
	assert_steps(*state, "{\"steps\": [" STEP("d", ", \"after\": \"a\"") "]}",
		     "a d b c");
	assert_steps(*state, "{\"steps\": [" STEP("d", ", \"after\": \"c\"") "]}",
		     "a b c d");
	/* the list is read from its beginning to its end */
	assert_steps(*state,
		     "{\"steps\": [" STEP("d", ", \"after\": \"a\"") ", " STEP(
			     "e", ", \"before\": \"d\"") "]}",
		     "a e d b c");
	/* one that is there already is moved */
	assert_steps(*state, "{\"steps\": [{\"name\": \"c\", \"before\": \"a\"}]}",
		     "c a b");
	assert_steps(*state, "{\"steps\": [{\"name\": \"a\", \"after\": \"b\"}]}",
		     "b a c");
}

static void placing_is_read_layer_by_layer(void **state)
{
	put(*state, MAIN, "{" REQUIRED ", \"steps\": [" STEP("a", "") "]}");
	put(*state, "etc/bootagent/conf.d/1.json",
	    "{\"steps\": [" STEP("b", ", \"before\": \"a\"") "]}");
	put(*state, "etc/bootagent/conf.d/2.json",
	    "{\"steps\": [{\"name\": \"a\", \"remove\": true}]}");
	assert_steps(*state, "{\"steps\": [" STEP("c", ", \"before\": \"b\"") "]}",
		     "c b");
}

static void unknown_targets_are_refused(void **state)
{
	put(*state, MAIN, "{" REQUIRED ", \"steps\": [" STEP("bundle", "") "]}");
	assert_error(*state, "{\"steps\": [" STEP("b", ", \"before\": \"bundel\"") "]}",
		     "user data:1:50: 'steps[0].before': 'bundel' stands in no lower "
		     "layer and not above in this list: did you mean 'bundle'?");
	assert_error(*state,
		     "{\"steps\": [" STEP("b", ", \"after\": \"z\"") ", " STEP("z",
									       "") "]}",
		     "user data:1:49: 'steps[0].after': 'z' stands in no lower layer and "
		     "not above in this list: correct the name, or leave it out");
	assert_error(*state, "{\"steps\": [{\"name\": \"b\", \"remove\": true}]}",
		     "user data:1:21: 'steps[0].name': 'b' stands in no lower layer and "
		     "not above in this list: correct the name, or leave it out");
	assert_error(*state, "{\"steps\": [{\"name\": \"c\"}]}",
		     "user data:1:12: 'steps[c].run' is missing: set it. The command and "
		     "its arguments; no shell stands between.");
	assert_error(*state, "{\"steps\": [{\"name\": \"bundel\"}]}",
		     "user data:1:12: 'steps[bundel].run' is missing: set it, or write "
		     "'bundle' if that is meant. The command and its arguments; no "
		     "shell stands between.");
}

static void complaints_of_all_layers_are_told(void **state)
{
	struct layers layers;
	struct error err;

	put(*state, MAIN, "{" REQUIRED ", \"boot\": 1}");
	put(*state, "etc/bootagent/conf.d/1.json", "{\"steps\": 3}");
	put(*state, "etc/bootagent/conf.d/2.json", "{");
	assert_int_equal(load(*state, "{\"steps\": [1], \"boot\": []}", &layers, &err),
			 -EINVAL);
	assert_int_equal(layers.complaints.count, 5);
	assert_int_equal(strncmp(layers.complaints.lines[0],
				 "/etc/bootagent/conf.d/2.json:1:2: ", 34),
			 0);
	layers_done(&layers);
}

static void nothing_is_not_configured(void **state)
{
	struct layers layers;

	load_good(*state, NULL, &layers);
	assert_int_equal(layers.count, 0);
	assert_false(layers.is_configured);
	layers_done(&layers);
	load_good(*state, "{\"boot\": {\"deadline\": \"1h\"}, \"application\": null}",
		  &layers);
	assert_false(layers.is_configured);
	layers_done(&layers);
}

static void one_file_stands_for_all(void **state)
{
	const struct scratch *scratch = *state;
	struct layers_request request = { .root_fd = scratch->fd, .file = "/my.json" };
	struct layers layers;
	struct error err = { 0 };

	put(scratch, MAIN, "{");
	put(scratch, "etc/bootagent/conf.d/1.json", "{");
	assert_int_equal(layers_load(&layers, &request, &err), -ENOENT);
	assert_string_equal(err.text, "there is no file '/my.json'");
	layers_done(&layers);
	put(scratch, "my.json", "{" REQUIRED "}");
	assert_int_equal(layers_load(&layers, &request, &err), 0);
	assert_int_equal(layers.count, 1);
	layers_done(&layers);
	request.file = "my.json";
	assert_int_equal(layers_load(&layers, &request, &err), -EINVAL);
	assert_string_equal(err.text,
			    "--config 'my.json': give an absolute path inside the root");
	layers_done(&layers);
}

static void what_is_no_file_is_refused(void **state)
{
	const struct scratch *scratch = *state;
	char *large = memory_new(256 * 1024 + 2, 1);

	assert_int_equal(mkdirat(scratch->fd, MAIN, 0755), 0);
	assert_error(scratch, NULL, "/" MAIN ": '/" MAIN "' is not a regular file");
	assert_int_equal(unlinkat(scratch->fd, MAIN, AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(scratch->fd, MAIN, 0600), 0);
	assert_error(scratch, NULL, "/" MAIN ": '/" MAIN "' is not a regular file");
	assert_int_equal(unlinkat(scratch->fd, MAIN, 0), 0);
	memset(large, ' ', 256 * 1024 + 1);
	put(scratch, MAIN, large);
	free(large);
	assert_error(scratch, NULL,
		     "/" MAIN ": larger than 256 KiB: is it the right file?");
}

static void links_stay_inside_the_root(void **state)
{
	const struct scratch *scratch = *state;
	struct layers layers;

	put(scratch, "real.json", "{" REQUIRED "}");
	assert_int_equal(symlinkat("/real.json", scratch->fd, MAIN), 0);
	load_good(scratch, NULL, &layers);
	assert_value(&layers, "application.name", "\"api\"", "/" MAIN ":1");
	layers_done(&layers);
}

/* A link that leads nowhere is no absent file: somebody meant one. */
static void links_to_nothing_are_told(void **state)
{
	const struct scratch *scratch = *state;

	assert_int_equal(symlinkat("/real.json", scratch->fd, MAIN), 0);
	assert_error(scratch, NULL,
		     "/" MAIN
		     ": a link to '/real.json', which is not there: put the file "
		     "there, or remove the link");
	assert_int_equal(unlinkat(scratch->fd, MAIN, 0), 0);
	put(scratch, MAIN, "{" REQUIRED "}");
	assert_int_equal(symlinkat("../x.json", scratch->fd, FRAGMENT), 0);
	assert_error(scratch, NULL,
		     "/" FRAGMENT ": a link to '../x.json', which is not there: put the "
		     "file there, or remove the link");
	assert_int_equal(unlinkat(scratch->fd, FRAGMENT, 0), 0);
	assert_int_equal(unlinkat(scratch->fd, "etc/bootagent/conf.d", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/d", scratch->fd, "etc/bootagent/conf.d"), 0);
	assert_error(scratch, NULL,
		     "/etc/bootagent/conf.d: a link to '/d', which is not there: put the "
		     "directory there, or remove the link");
	assert_int_equal(unlinkat(scratch->fd, "etc/bootagent/conf.d", 0), 0);
	assert_int_equal(symlinkat("/p", scratch->fd, "usr/lib/bootagent/presets/dead"),
			 0);
	assert_error(scratch, "{\"preset\": \"dead\"}",
		     "/usr/lib/bootagent/presets/dead: a link to '/p', which is not "
		     "there: put the directory there, or remove the link");
}

static void a_link_to_a_directory_without_the_file_is_none(void **state)
{
	const struct scratch *scratch = *state;
	struct layers layers;

	assert_int_equal(unlinkat(scratch->fd, "etc/bootagent/conf.d", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(scratch->fd, "etc/bootagent", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/usr", scratch->fd, "etc/bootagent"), 0);
	load_good(scratch, NULL, &layers);
	assert_false(layers.is_configured);
	layers_done(&layers);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(layers_lie_on_each_other),
		TEST(highest_layer_names_the_preset),
		TEST(preset_names_no_other),
		TEST(null_takes_back_what_lower_layers_set),
		TEST(steps_merge_by_name),
		TEST(placing_is_read_layer_by_layer),
		TEST(unknown_targets_are_refused),
		TEST(complaints_of_all_layers_are_told),
		TEST(nothing_is_not_configured),
		TEST(one_file_stands_for_all),
		TEST(what_is_no_file_is_refused),
		TEST(links_stay_inside_the_root),
		TEST(links_to_nothing_are_told),
		TEST(a_link_to_a_directory_without_the_file_is_none),
	};

	return cmocka_run_group_tests_name("config_layers", tests, NULL, NULL);
}
