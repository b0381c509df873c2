/* SPDX-License-Identifier: MIT */
#include "git/sshstring.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

/*
 * The little of SSH's own data format that keys are made of: we look at their types, and
 * leave all that is cryptography to libssh2.
 */

bool sshstring_take(struct sshstring *from, struct sshstring *ret_string)
{
	uint32_t length;

	if (from->length_bytes < sizeof(length))
		return false;
	memcpy(&length, from->data, sizeof(length));
	length = ntohl(length);
	if (length > from->length_bytes - sizeof(length))
		return false;
	*ret_string = (struct sshstring){ from->data + sizeof(length), length };
	from->data += sizeof(length) + length;
	from->length_bytes -= sizeof(length) + length;
	return true;
}

bool sshstring_is(struct sshstring string, const char *text)
{
	return string.length_bytes == strlen(text) &&
		memcmp(string.data, text, string.length_bytes) == 0;
}

char *sshstring_copy(struct sshstring string)
{
	char *copy = memory_new(string.length_bytes + 1, 1);

	memcpy(copy, string.data, string.length_bytes);
	return copy;
}
