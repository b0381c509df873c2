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
	{ "boot", "", "bring this instance from launch to the hook's verdict", cmd_boot },
	{ "sync", "", "bring the wanted revision into service", cmd_sync },
	{ "status", "[--json]", "what serves, since when, and what the last run did",
	  cmd_status },
	{ 0 },
};

struct option_row {
	const char *name;
	const char *value; /* its name in the help; NULL: a switch */
	int letter;
	const char *help;
};

static const struct option_row option_rows[] = {
	{ "config", "FILE", 'c', "read FILE instead of /etc/bootagent/bootagent.json" },
	{ "root", "DIR", 'r', "resolve the system's paths below DIR; not a chroot" },
	{ "json", NULL, 'j', "machine-readable output, one object a line" },
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

	for (const struct verb *verb = cmd_verbs; verb->name; verb++)
		text = append(text,
			      text_format("  %-8s %-10s %s\n", verb->name,
					  verb->arguments, verb->help));
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
	case 'r':
		options->root = optarg;
		return -1;
	case 'j':
		options->is_json = true;
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

static const struct verb *find_verb(const char *name)
{
	for (const struct verb *verb = cmd_verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
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
	if (optind == argc) {
		*ret_exit_code = refuse("a verb is missing", NULL);
		return false;
	}
	*ret_verb = find_verb(argv[optind]);
	if (!*ret_verb) {
		*ret_exit_code = refuse("unknown verb", argv[optind]);
		return false;
	}
	if (optind + 1 < argc) {
		*ret_exit_code =
			refuse("this is one argument too many:", argv[optind + 1]);
		return false;
	}
	*ret_options = options;
	return true;
}
