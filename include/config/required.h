/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_REQUIRED_H
#define CONFIG_REQUIRED_H

struct layers;

/*
 * Asks layers->merged for the required keys, and complains of each that is missing. A key
 * whose section is no object is passed over: that was complained of in its layer.
 */
void required_check(struct layers *layers);

#endif
