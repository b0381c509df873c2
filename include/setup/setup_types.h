/* SPDX-License-Identifier: MIT */
#ifndef SETUP_SETUP_TYPES_H
#define SETUP_SETUP_TYPES_H

#include "base/identity.h"
#include "state/places.h"

#include <stdbool.h>

/* What SETUP found and made. Paths are absolute on this machine, --root included. */
struct setup {
	struct identity application;
	struct identity source;
	char *deploy_to;
	char *mirror;
	char *mirror_path;                    /* the same inside the root */
	struct places_directory mirror_place; /* how the mirror's directory is made */
	char *application_home;
	char *source_home;
	bool is_complete;
};

#endif
