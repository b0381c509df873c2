/* SPDX-License-Identifier: MIT */
#include "aws/codes.h"

#include "aws/aws.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>

/*
 * What AWS's error codes mean here, and which are worth another try: the SDKs' lists of
 * throttling and transient errors, and what the services called say of their own. The
 * JSON protocol answers 400 to nearly everything, so there only the code tells.
 */

const struct retry_rule aws_rules[] = {
	{ -EBUSY, RETRY_THROTTLED },       { -EAGAIN, RETRY_TRANSIENT },
	{ -ETIMEDOUT, RETRY_TRANSIENT },   { -ECONNREFUSED, RETRY_TRANSIENT },
	{ -ECONNRESET, RETRY_TRANSIENT },  { -EHOSTUNREACH, RETRY_TRANSIENT },
	{ -ENETUNREACH, RETRY_TRANSIENT }, { -EIO, RETRY_TRANSIENT },
	{ -ENODATA, RETRY_TRANSIENT },     { 0, RETRY_PERMANENT },
};

static const struct {
	const char *code;
	int number;
} aws_codes[] = {
	{ "Throttling", EBUSY },
	{ "ThrottlingException", EBUSY },
	{ "ThrottledException", EBUSY },
	{ "RequestThrottled", EBUSY },
	{ "RequestThrottledException", EBUSY },
	{ "EC2ThrottledException", EBUSY },
	{ "TooManyRequestsException", EBUSY },
	{ "RequestLimitExceeded", EBUSY },
	{ "BandwidthLimitExceeded", EBUSY },
	{ "LimitExceededException", EBUSY },
	{ "ProvisionedThroughputExceededException", EBUSY },
	{ "PriorRequestNotComplete", EBUSY },
	{ "SlowDown", EBUSY },
	{ "RequestTimeout", EAGAIN },
	{ "RequestTimeoutException", EAGAIN },
	{ "InternalFailure", EAGAIN },
	{ "InternalError", EAGAIN },
	{ "InternalServerError", EAGAIN },
	{ "InternalServiceError", EAGAIN },
	{ "ServiceUnavailable", EAGAIN },
	{ "ServiceUnavailableException", EAGAIN },
	{ "ResourceContention", EAGAIN },
	{ "ScalingActivityInProgress", EAGAIN },
	{ "ExpiredToken", EKEYEXPIRED },
	{ "ExpiredTokenException", EKEYEXPIRED },
	/* "The security token included in the request is invalid": perhaps not yet. */
	{ "InvalidClientTokenId", EKEYEXPIRED },
	{ "UnrecognizedClientException", EKEYEXPIRED },
	{ "AccessDenied", EACCES },
	{ "AccessDeniedException", EACCES },
	{ "IncompleteSignatureException", EACCES },
	{ "InvalidSignatureException", EACCES },
	{ "MissingAuthenticationTokenException", EACCES },
	{ "ParameterNotFound", ENOENT },
	{ "ResourceNotFoundException", ENOENT },
	{ "InvalidKeyId", EINVAL },
	{ "DecryptionFailure", EINVAL },
	{ "DecryptionFailureException", EINVAL },
	{ "InvalidParameterException", EINVAL },
	{ "InvalidRequestException", EINVAL },
	{ "ParameterVersionNotFound", ENOENT },
	{ "ValidationError", EINVAL },
	{ "ValidationException", EINVAL },
};

int codes_number(const char *code, long status)
{
	for (size_t i = 0; code && i < ARRAY_COUNT(aws_codes); i++)
		if (strcmp(code, aws_codes[i].code) == 0)
			return aws_codes[i].number;
	if (status == 429)
		return EBUSY;
	if (status >= 500)
		return EAGAIN;
	/* Without a code it was not AWS that refused, but something on the way. */
	return code && (status == 401 || status == 403) ? EACCES : EPROTO;
}
