/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_SHAPE_H
#define CONFIG_SHAPE_H

#include <stdbool.h>

/* What a text of the configuration must look like, one function a kind. */

/* One line, not empty: no control character. */
bool shape_is_line(const char *text);

/*
 * http or https, as libcurl takes it; without userinfo: a URL is shown in errors, status
 * and log.
 */
bool shape_is_http_url(const char *text);

/* A branch by git's rules (git-check-ref-format(1)). */
bool shape_is_branch(const char *text);

/* An absolute path without "//", "/./", "/../" or a slash or dot at its end. */
bool shape_is_path(const char *text);

/*
 * A place in a release that may become a link: no slash at either end, no empty, "." or
 * ".." part, no name that is the agent's or Capistrano's, at most 255 bytes.
 */
bool shape_is_link(const char *text);

/* A systemd unit that holds processes, "puma.service"; no template. */
bool shape_is_unit(const char *text);

/*
 * NULL for the name of a request header that may be configured; else why it may not be: a
 * sentence, borrowed for ever.
 */
const char *shape_header_refusal(const char *name);

/* A header's value: printable ASCII, no blank at its ends. */
bool shape_is_header_value(const char *text);

/* A variable's name as shells take it. */
bool shape_is_variable(const char *name);

#endif
