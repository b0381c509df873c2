/* SPDX-License-Identifier: MIT */
#ifndef RELEASE_TREE_H
#define RELEASE_TREE_H

struct error;
struct json_object;
struct run;

/*
 * Has bootagent-tree do one thing in deploy_to as the application's user. Takes the
 * request's reference, sets its verb and deploy_to. The caller puts *ret_reply (NULL: not
 * wanted).
 */
int tree_perform(struct run *run, const char *verb, struct json_object *request,
		 struct json_object **ret_reply, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Removes one release's directory; one that is not there is removed already. Whoever has
 * several asks for each by itself: one that cannot be removed is in no other's way.
 */
int tree_remove_release(struct run *run, const char *name, struct error *err)
	__attribute__((warn_unused_result));

#endif
