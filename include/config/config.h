/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct json_object;

/* A list of texts that also ends with NULL, so that it can be an argument vector. */
struct config_texts {
	char **items;
	size_t count;
};

enum step_when {
	STEP_BEFORE_PUBLISH,
	STEP_AFTER_PUBLISH,
	STEP_AFTER_READY,
};

enum source_unreachable {
	UNREACHABLE_FAIL,
	UNREACHABLE_SERVE_BAKED,
};

struct config_step {
	char *name;
	int64_t when; /* enum step_when */
	struct config_texts run;
	struct config_texts inputs, outputs; /* below the release */
	struct config_texts key_command;
	int64_t timeout_ms, tasks_max;
	bool is_parallel;
};

struct config_steps {
	struct config_step *items;
	size_t count;
};

struct config_linked_file {
	char *path;
	char *parameter; /* NULL: what is there stays */
};

struct config_linked_files {
	struct config_linked_file *items;
	size_t count;
};

/* The effective configuration. Every key has a value, but texts without a default. */
struct config {
	struct {
		char *name;
		char *user;
		struct config_texts environment; /* "NAME=value" */
		char *environment_parameters;
	} application;
	struct {
		char *repo_url;
		char *branch;
		char *user;
		char *ssh_key_parameter;
		char *token_parameter;
		struct config_texts host_keys;
		int64_t timeout_ms;
		int64_t on_unreachable; /* enum source_unreachable */
	} source;
	struct {
		char *deploy_to;
		int64_t keep_releases;
		struct config_linked_files linked_files;
		struct config_texts linked_dirs;
		int64_t reuse; /* index of config_reuse_words */
	} release;
	struct config_steps steps;
	struct {
		int64_t max_size_bytes;
		int64_t max_age_ms;
	} outputs;
	struct {
		char *url;
		char *host;
		struct config_texts headers; /* "Name: value" */
		char *unit;
		char *revision_header;
		int64_t expected_status;
		int64_t healthy_threshold;
		int64_t interval_ms;
		int64_t timeout_ms;
	} readiness;
	struct {
		int64_t deadline_ms;
	} boot;
	struct {
		char *hook;
	} lifecycle;
};

/*
 * Reads the effective configuration (config/effective.h) that nothing is wrong with.
 * config_free() frees it.
 */
int config_read(struct json_object *effective, struct config **ret_config,
		struct error *err) __attribute__((warn_unused_result));

/* Whether any step of that kind is configured. */
bool config_has_steps(const struct config *config, enum step_when when);

/* Whether any step has outputs. */
bool config_has_outputs(const struct config *config);

void config_free(struct config *config);

#endif
