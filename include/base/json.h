/* SPDX-License-Identifier: MIT */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

static inline void json_put_pointer(struct json_object **object)
{
	(void)json_object_put(*object);
}

/* A json-c object given back at the end of its scope. */
#define autojson __attribute__((cleanup(json_put_pointer)))

/*
 * Reads one whole JSON document from machine or disk (not a person's configuration:
 * json-c takes duplicate keys and knows no positions). A NUL follows the text. `what`
 * names it in the error. The caller puts *ret_document. -EINVAL: not JSON, or anything
 * but blanks behind it.
 */
int json_parse(const char *text, size_t length_bytes, const char *what,
	       struct json_object **ret_document, struct error *err)
	__attribute__((warn_unused_result));

/* Reads and parses a file below dir_fd; as file_read() and json_parse(). */
int json_load(int dir_fd, const char *name, size_t max_bytes,
	      struct json_object **ret_document, struct error *err)
	__attribute__((warn_unused_result));

/*
 * The value's text, borrowed until it changes; NULL if it is no string, or one with a NUL
 * inside.
 */
const char *json_text(struct json_object *value);

/*
 * The member's text, borrowed until the object changes; NULL if absent, not a string, or
 * one with a NUL inside.
 */
const char *json_string(const struct json_object *object, const char *key);

/* The member as a number, or the fallback if absent or not an integer. */
int64_t json_integer(const struct json_object *object, const char *key, int64_t fallback);

/* The member as a bool, false if absent or not a bool. */
bool json_boolean(const struct json_object *object, const char *key);

/* The member if it has that type, else NULL; borrowed until the object changes. */
struct json_object *json_member(const struct json_object *object, const char *key,
				enum json_type type);

/* Sets a member, null for a NULL text. Aborts when there is no memory. */
void json_set_string(struct json_object *object, const char *key, const char *text);
void json_set_integer(struct json_object *object, const char *key, int64_t number);
void json_set_boolean(struct json_object *object, const char *key, bool value);

/* Sets a member to a value that the object owns from now on; NULL stands for null. */
void json_set(struct json_object *object, const char *key, struct json_object *value);

/* Appends to an array: a value that it owns from now on, or a text. */
void json_add(struct json_object *array, struct json_object *value);
void json_add_string(struct json_object *array, const char *text);

/*
 * Overwrites every text in the value with zeros, in place, before it is put: it held
 * secrets.
 */
void json_wipe(struct json_object *value);

/* A new object or array; aborts when there is no memory. The caller puts it. */
struct json_object *json_new_object(void) __attribute__((returns_nonnull));
struct json_object *json_new_array(void) __attribute__((returns_nonnull));

/* The document on one line; borrowed until the document changes or is put. */
const char *json_line(struct json_object *document);

/*
 * The same of a document that holds secrets: no other copy of it is left in memory. The
 * caller wipes and frees it.
 */
char *json_secret_line(struct json_object *document)
	__attribute__((returns_nonnull, warn_unused_result));

#endif
