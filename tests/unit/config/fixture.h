/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H

#include "base/error.h"
#include "config/config.h"
#include "config/layers.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What every configuration must set; a test adds members behind it. */
#define REQUIRED                                                        \
	"\"application\": {\"name\": \"api\"}, "                        \
	"\"source\": {\"repo_url\": \"https://git.example/api.git\"}, " \
	"\"readiness\": {\"url\": \"http://127.0.0.1/health\"}"

/* Reads a text, called "FILE" in complaints, as the only layer. */
static inline int config_load_text(const char *text, struct layers *ret_layers,
				   struct error *err)
{
	const struct config_layer layer = { .origin = "FILE",
					    .text = text,
					    .length_bytes = strlen(text) };
	const struct layers_request request = {
		/* no directory that has an etc/bootagent */
		.root_fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.user_data = &layer,
	};
	int result = layers_load(ret_layers, &request, err);

	(void)close(request.root_fd);
	return result;
}

/* The same, down to struct config. */
static inline int config_parse_text(const char *text, struct config **ret_config,
				    struct error *err)
{
	struct layers layers;
	int result = config_load_text(text, &layers, err);

	if (result == 0)
		result = config_read(layers.effective, ret_config, err);
	layers_done(&layers);
	return result;
}

#endif
