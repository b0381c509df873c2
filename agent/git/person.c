/* SPDX-License-Identifier: MIT */
#include "git/person.h"

#include "git/content.h"

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Who wrote or committed, and when, in the words that git has for it. Dates are in the
 * zone of the person, never in ours, and always in English.
 */

#define MINUTE_S 60
#define HOUR_S 3600

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* The line, taken apart; borrowed. */
struct person {
	const char *name, *name_end, *mail, *mail_end;
	const char *seconds_text;
	size_t seconds_digits;
	int zone; /* +0930 is 930 */
};

static bool take_apart(const char *line, struct person *ret_person)
{
	struct person person = { .name = line };
	const char *open = strchr(line, '<');
	const char *last = strrchr(line, '>');

	if (!open || !last || last < open)
		return false;
	person.mail = open + 1;
	person.mail_end = strchr(person.mail, '>');
	person.name_end = open;
	while (person.name_end > line && isspace((unsigned char)person.name_end[-1]))
		person.name_end--;
	person.seconds_text = last + 1 + strspn(last + 1, " \t");
	person.seconds_digits = strspn(person.seconds_text, "0123456789");
	person.zone = atoi(person.seconds_text + person.seconds_digits);
	/* Whoever may push writes what he likes; this has no absolute value. */
	if (person.zone == INT_MIN)
		person.zone = 0;
	*ret_person = person;
	return true;
}

static bool shift_to_zone(const struct person *person, struct tm *ret_local)
{
	int zone = abs(person->zone);
	time_t shift_s = (time_t)(zone / 100) * HOUR_S + (time_t)(zone % 100) * MINUTE_S;
	time_t seconds = (time_t)strtoll(person->seconds_text, NULL, 10);

	if (__builtin_add_overflow(seconds, person->zone < 0 ? -shift_s : shift_s,
				   &seconds))
		return false;
	return gmtime_r(&seconds, ret_local) != NULL;
}

/* What strftime() knows of the form: all but names and zone. */
static void format_numbers(char part, const struct tm *local, char *ret_text,
			   size_t size_bytes)
{
	size_t length = 0;

	switch (part) {
	case 'd':
		length = strftime(ret_text, size_bytes, "%H:%M:%S %Y", local);
		break;
	case 'i':
		length = strftime(ret_text, size_bytes, "%Y-%m-%d %H:%M:%S", local);
		break;
	case 'I':
		length = strftime(ret_text, size_bytes, "%Y-%m-%dT%H:%M:%S", local);
		break;
	case 's':
		length = strftime(ret_text, size_bytes, "%Y-%m-%d", local);
		break;
	case 'D':
		length = strftime(ret_text, size_bytes, "%Y %H:%M:%S", local);
		break;
	default:
		break;
	}
	ret_text[length] = '\0';
}

static void add_date(const struct person *person, char part, struct content_text *text)
{
	char sign = person->zone < 0 ? '-' : '+', numbers[64];
	const char *day, *month;
	struct tm local;

	if (!shift_to_zone(person, &local))
		return;
	format_numbers(part, &local, numbers, sizeof(numbers));
	day = days + (ptrdiff_t)3 * local.tm_wday;
	month = months + (ptrdiff_t)3 * local.tm_mon;
	if (part == 'd')
		fprintf(text->file, "%.3s %.3s %d ", day, month, local.tm_mday);
	if (part == 'D')
		fprintf(text->file, "%.3s, %d %.3s ", day, local.tm_mday, month);
	fputs(numbers, text->file);
	if (part == 'I')
		fprintf(text->file, "%c%02d:%02d", sign, abs(person->zone) / 100,
			abs(person->zone) % 100);
	else if (part != 's')
		fprintf(text->file, " %+05d", person->zone);
}

bool person_add(const char *line, char part, struct content_text *text)
{
	bool is_date = strchr("diIsD", part) != NULL;
	struct person person;
	const char *at;

	if (!part || (!is_date && !strchr("nelt", part)))
		return false;
	if (!take_apart(line, &person))
		return true;
	at = memchr(person.mail, '@', (size_t)(person.mail_end - person.mail));
	if (part == 'n')
		content_text_add(text, person.name,
				 (size_t)(person.name_end - person.name));
	if (part == 'e' || part == 'l')
		content_text_add(text, person.mail,
				 (size_t)((part == 'l' && at ? at : person.mail_end) -
					  person.mail));
	if (person.seconds_digits == 0)
		return true;
	if (part == 't')
		content_text_add(text, person.seconds_text, person.seconds_digits);
	if (is_date)
		add_date(&person, part, text);
	return true;
}
