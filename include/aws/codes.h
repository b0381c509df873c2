/* SPDX-License-Identifier: MIT */
#ifndef AWS_CODES_H
#define AWS_CODES_H

/*
 * The errno for an error code of AWS, or else for the reply's status; what
 * aws_call_result() says of them. NULL: the reply names no code.
 */
int codes_number(const char *code, long status);

#endif
