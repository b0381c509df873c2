/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include "base/memory.h"
#include "base/text.h"
#include "run/exit.h"
#include "run/log.h"
#include "run/report.h"

#include <getopt.h>
#include <string.h>

/*
 * The command line. One table of verbs and one of options; help is printed from them, so
 * it cannot tell of anything that is not there.
 */

const struct verb cmd_verbs[] = {
	{ "boot", "", false, "bring this instance from launch to the hook's verdict",
	  cmd_boot },
	{ "sync", "[--ref REF|--unpin] [--force]", false,
	  "bring the wanted revision into service", cmd_sync },
	{ "rollback", "[RELEASE]", true,
	  "go back to the good release before, or to RELEASE", cmd_rollback },
	{ "status", "[--json]", false,
	  "what serves, since when, and what the last run did", cmd_status },
	{ "config show", "[--origin]", false,
	  "print what is configured, defaults included", cmd_config_show },
	{ "config check", "[FILE]", true, "say all that is wrong with the configuration",
	  cmd_config_check },
	{ "config schema", "", false, "print a JSON Schema of the configuration",
	  cmd_config_schema },
	{ 0 },
};

struct option_row {
	const char *name;
	const char *value; /* its name in the help; NULL: a switch */
	int letter;
	const char *help;
};

static const struct option_row option_rows[] = {
	{ "config", "FILE", 'c', "read FILE instead of the files in /etc/bootagent" },
	{ "as-layer", "FILE", 'l', "check FILE on top of the installed files" },
	{ "root", "DIR", 'r', "resolve the system's paths below DIR; not a chroot" },
	{ "ref", "REF", 'R', "pin to a branch's head, a tag or a commit (sync)" },
	{ "unpin", NULL, 'u', "take the pin back (sync)" },
	{ "force", NULL, 'f', "make and try the release anew, whatever is known (sync)" },
	{ "json", NULL, 'j', "machine-readable output, one object a line" },
	{ "origin", NULL, 'o', "say of each value where it is set" },
	{ "verbose", NULL, 'v', "also what steps wrote that went well" },
	{ "version", NULL, 'V', "print the version and exit" },
	{ "help", NULL, 'h', "print this help and exit" },
};

static const struct {
	enum exit_code code;
	const char *help;
} exit_rows[] = {
	{ EXIT_DONE, "done" },
	{ EXIT_FAILED, "failed, nothing good serves" },
	{ EXIT_USAGE, "wrong usage or configuration" },
	{ EXIT_NOT_READY, "not ready or unknown (status)" },
	{ EXIT_INTERRUPTED, "interrupted" },
	{ EXIT_PREVIOUS_SERVES, "failed, the previous release serves" },
	{ EXIT_REFUSED, "refused" },
	{ EXIT_BUSY, "another run is under way" },
};

#define REF_MAX_BYTES 255
#define OPTION_COUNT ARRAY_COUNT(option_rows)

static char *append(char *text, char *more)
{
	char *longer = text_format("%s%s", text, more);

	free(text);
	free(more);
	return longer;
}

static void print_help(void)
{
	autofree char *text = text_copy("Usage: bootagent VERB [OPTION]...\n\nVerbs:\n");

	for (const struct verb *verb = cmd_verbs; verb->name; verb++) {
		autofree char *usage = text_format("%s %s", verb->name, verb->arguments);

		text = append(text, text_format("  %-24s %s\n", usage, verb->help));
	}
	text = append(text, text_copy("\nOptions:\n"));
	for (size_t i = 0; i < OPTION_COUNT; i++)
		text = append(text,
			      text_format("  --%-8s %-8s %s\n", option_rows[i].name,
					  option_rows[i].value ? option_rows[i].value
							       : "",
					  option_rows[i].help));
	text = append(text, text_copy("\nExit status:\n"));
	for (size_t i = 0; i < ARRAY_COUNT(exit_rows); i++)
		text = append(text,
			      text_format("  %-3d %s\n", exit_rows[i].code,
					  exit_rows[i].help));
	report_text(text);
}

static int refuse(const char *problem, const char *what)
{
	struct log log;

	log_init(&log, false);
	log_write(&log, LOG_ERR, "%s%s%s%s; see 'bootagent --help'", problem,
		  what ? " '" : "", what ? what : "", what ? "'" : "");
	return EXIT_USAGE;
}

static void fill_long_options(struct option ret_long[static OPTION_COUNT + 1])
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		ret_long[i] = (struct option){
			.name = option_rows[i].name,
			.has_arg = option_rows[i].value ? required_argument : no_argument,
			.val = option_rows[i].letter,
		};
	ret_long[OPTION_COUNT] = (struct option){ 0 };
}

/* getopt stays at "-xy" while letters are left in it, and is past it otherwise. */
static const char *refused_option(char **argv)
{
	const char *next = argv[optind];
	bool is_inside = optopt && next && next[0] == '-' && next[1] == optopt && next[2];

	return is_inside ? next : argv[optind - 1];
}

/* Takes one option; the exit status if it ends the program, else -1. */
static int take_option(int letter, struct options *options, char **argv)
{
	switch (letter) {
	case 'c':
		options->config = optarg;
		return -1;
	case 'l':
		options->as_layer = optarg;
		return -1;
	case 'r':
		options->root = optarg;
		return -1;
	case 'R':
		options->ref = optarg;
		return -1;
	case 'u':
		options->has_unpin = true;
		return -1;
	case 'f':
		options->has_force = true;
		return -1;
	case 'j':
		options->is_json = true;
		return -1;
	case 'o':
		options->has_origin = true;
		return -1;
	case 'v':
		options->is_verbose = true;
		return -1;
	case 'V':
		report_text("bootagent " BOOTAGENT_VERSION "\n");
		return EXIT_DONE;
	case 'h':
		print_help();
		return EXIT_DONE;
	case ':':
		return refuse("a value is missing after", argv[optind - 1]);
	default:
		return refuse("unknown option", refused_option(argv));
	}
}

/* How many of the words the verb's name has, if they are its name; else 0. */
static size_t match_words(const char *name, char *const *words)
{
	size_t count = 0;

	for (; *name && words[count]; count++) {
		size_t length = strcspn(name, " ");

		if (strlen(words[count]) != length ||
		    strncmp(words[count], name, length) != 0)
			return 0;
		name += length + (name[length] == ' ');
	}
	return *name ? 0 : count;
}

static const struct verb *find_verb(char *const *words, size_t *ret_count)
{
	for (const struct verb *verb = cmd_verbs; verb->name; verb++) {
		*ret_count = match_words(verb->name, words);
		if (*ret_count > 0)
			return verb;
	}
	return NULL;
}

/* A word that is no verb, or the first of one of two words. */
static int refuse_verb(char *const *words)
{
	autofree char *rest = text_copy("");
	autofree char *problem = NULL;

	for (const struct verb *verb = cmd_verbs; verb->name; verb++) {
		size_t length = strlen(words[0]);

		if (strncmp(verb->name, words[0], length) == 0 &&
		    verb->name[length] == ' ')
			rest = append(rest,
				      text_format("%s'%s'", *rest ? ", " : "",
						  verb->name + length + 1));
	}
	if (!*rest)
		return refuse("unknown verb", words[0]);
	problem = text_format("'%s' goes on with one of %s", words[0], rest);
	return refuse(problem, NULL);
}

static bool is_line(const char *text)
{
	autofree char *copy = text_copy(text);

	text_make_printable(copy);
	return *text && strlen(text) <= REF_MAX_BYTES && strcmp(copy, text) == 0;
}

/* Whether every option has a meaning with this verb; the exit status if not, else -1. */
static int check_options(const struct options *options, const struct verb *verb)
{
	if (options->has_origin && verb->perform != cmd_config_show)
		return refuse("--origin belongs to 'config show', not to", verb->name);
	if (options->ref && verb->perform != cmd_sync)
		return refuse("--ref belongs to 'sync', not to", verb->name);
	if (options->has_unpin && verb->perform != cmd_sync)
		return refuse("--unpin belongs to 'sync', not to", verb->name);
	if (options->has_force && verb->perform != cmd_sync)
		return refuse("--force belongs to 'sync', not to", verb->name);
	if (options->ref && options->has_unpin)
		return refuse("--ref sets a pin and --unpin takes it back: give one",
			      NULL);
	if (options->ref && !is_line(options->ref))
		return refuse("--ref needs the name of a branch or tag, or a commit's id",
			      NULL);
	if (options->as_layer && verb->perform != cmd_config_check)
		return refuse("--as-layer belongs to 'config check', not to", verb->name);
	if (options->as_layer && options->operand)
		return refuse("--as-layer lays a file on the installed ones; leave out",
			      options->operand);
	return -1;
}

/* Takes the words that are no options; the exit status if they are wrong, else -1. */
static int take_words(char *const *words, struct options *options,
		      const struct verb **ret_verb)
{
	size_t count = 0;
	const struct verb *verb;

	if (!words[0])
		return refuse("a verb is missing", NULL);
	verb = find_verb(words, &count);
	if (!verb)
		return refuse_verb(words);
	if (verb->has_operand && words[count])
		options->operand = words[count++];
	if (words[count])
		return refuse("this is one argument too many:", words[count]);
	*ret_verb = verb;
	return check_options(options, verb);
}

bool cmd_parse(int argc, char **argv, struct options *ret_options,
	       const struct verb **ret_verb, int *ret_exit_code)
{
	struct option long_options[OPTION_COUNT + 1];
	struct options options = { .root = "/" };
	int letter;

	fill_long_options(long_options);
	opterr = 0;
	while ((letter = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		*ret_exit_code = take_option(letter, &options, argv);
		if (*ret_exit_code >= 0)
			return false;
	}
	*ret_exit_code = take_words(argv + optind, &options, ret_verb);
	if (*ret_exit_code >= 0)
		return false;
	*ret_options = options;
	return true;
}
