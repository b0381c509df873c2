/* SPDX-License-Identifier: MIT */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define ERROR_TEXT_MAX_BYTES 512

/*
 * One failure on the caller's stack: nothing to free. `code` is a negative errno, 0 while
 * nothing failed. The text never holds a credential or user data.
 */
struct error {
	int code;
	char text[ERROR_TEXT_MAX_BYTES];
};

/*
 * Fills err from an errno of either sign (0 counts as EIO) and a text; returns the
 * negative errno, so that a failing function ends in `return error_set(…)`.
 */
int error_set(struct error *err, int number, const char *format, ...)
	__attribute__((format(printf, 3, 4), warn_unused_result));

/*
 * Puts "context: " before the text and returns the code it already had, so that the final
 * line reads from the outermost to the innermost cause.
 */
int error_wrap(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3), warn_unused_result));

/* The errno's symbolic name, "EIO"; borrowed for ever. */
const char *error_name(int code);

/* The errno for a symbolic name as error_name() gives it; EIO for one that is unknown. */
int error_number(const char *name);

#endif
