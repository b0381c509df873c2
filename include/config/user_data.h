/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_USER_DATA_H
#define CONFIG_USER_DATA_H

struct config_layer;
struct layers;

/*
 * Adds the configuration in user data as the highest layer. What is damaged is complained
 * of; of what is somebody else's layers->note says so.
 */
void user_data_add(struct layers *layers, const struct config_layer *user_data);

#endif
