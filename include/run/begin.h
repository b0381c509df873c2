/* SPDX-License-Identifier: MIT */
#ifndef RUN_BEGIN_H
#define RUN_BEGIN_H

struct error;
struct run;

/*
 * METADATA: who we are. Sets run->metadata and opens the door to AWS (run->imds,
 * run->aws); reads the files of the configuration (run->layers) for the time there is.
 * -ETIME: the metadata service gave no answer in four minutes; -EACCES: it is off.
 */
int metadata_stage(struct run *run, struct error *err)
	__attribute__((warn_unused_result));
void metadata_stage_done(struct run *run);

/*
 * CONFIG: lays the user data on the configuration's files. Sets run->config, the hook's
 * name and the run's deadline; leaves run->config NULL if the machine is not configured.
 * -EINVAL: the configuration is wrong, and run->complaints says all that is. Any other
 * error is the machine's: the user data cannot be had.
 */
int config_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));
void config_stage_done(struct run *run);

#endif
