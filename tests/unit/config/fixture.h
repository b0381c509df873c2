/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H

#include "base/error.h"
#include "base/json.h"
#include "config/config.h"

#include <string.h>

/* What every configuration must set; a test adds members behind it. */
#define REQUIRED                                                        \
	"\"application\": {\"name\": \"api\"}, "                        \
	"\"source\": {\"repo_url\": \"https://git.example/api.git\"}, " \
	"\"readiness\": {\"url\": \"http://127.0.0.1/health\"}"

/* Parses a text, called "FILE" in errors. */
static inline int config_parse_text(const char *text, struct config **ret_config,
				    struct error *err)
{
	autojson struct json_object *document = NULL;
	int result = json_parse(text, strlen(text), "the test", &document, err);

	return result < 0 ? result : config_parse(document, "FILE", ret_config, err);
}

#endif
