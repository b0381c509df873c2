/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_SPAN_H
#define CONFIG_SPAN_H

#include <stdint.h>

/*
 * Reads a time span as systemd writes it ("15m", "1h 30m", "500ms", "90"; a number alone
 * is seconds; systemd.time(7)). -EINVAL: it is none, -ERANGE: more than 64 bits hold.
 */
int span_parse(const char *text, int64_t *ret_ms) __attribute__((warn_unused_result));

/* The shortest way to write a span, "90s", "15m". The caller frees it. */
char *span_format(int64_t span_ms);

#endif
