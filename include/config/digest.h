/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_DIGEST_H
#define CONFIG_DIGEST_H

struct json_object;

#define CONFIG_DIGEST_BYTES 17

/*
 * 16 hexadecimal digits for an effective configuration (config/effective.h): the same for
 * the same values, in whatever order the members of an object were written.
 */
void config_digest(struct json_object *effective,
		   char ret_digest[static CONFIG_DIGEST_BYTES]);

#endif
