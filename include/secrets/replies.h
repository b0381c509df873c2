/* SPDX-License-Identifier: MIT */
#ifndef SECRETS_REPLIES_H
#define SECRETS_REPLIES_H

struct error;
struct json_object;
struct secret;
struct secrets;

/*
 * What AWS answers, and what of it is kept. Texts of errors name secrets, never values.
 */

/*
 * GetParameters: fills the values of the parameters that were asked for. -ENOENT: the
 * store has no such parameter; -EPROTO: one is missing from the answer.
 */
int replies_take_parameters(struct secrets *secrets, const struct json_object *reply,
			    struct error *err) __attribute__((warn_unused_result));

/*
 * GetParametersByPath: adds a page of variables, and sets next_page or is_group_known.
 * -EINVAL: a name or value that no environment can hold; -ENOENT: there are none.
 */
int replies_take_page(struct secrets *secrets, const struct json_object *reply,
		      struct error *err) __attribute__((warn_unused_result));

/*
 * GetSecretValue: the secret's text, or its member. -EINVAL: it is no text, or no JSON
 * object with such a member.
 */
int replies_take_secret(struct secret *secret, const struct json_object *reply,
			struct error *err) __attribute__((warn_unused_result));

/* GetSecretValue of the group: one variable a member. -EINVAL as replies_take_page(). */
int replies_take_group(struct secrets *secrets, const struct json_object *reply,
		       struct error *err) __attribute__((warn_unused_result));

#endif
