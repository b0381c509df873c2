#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a team without bootagent puts into user data for an image that carries the release:
# see that it is still the wanted one and that the application answers, then let the group
# have the instance. The benchmark's other side: bash, curl, git, and the AWS command line
# as Debian packages it. Group and hook are known here, as a launch template would write
# them in, so no look-up is needed.
#
# The fetch runs as the caller; the mirror is the caller's own.
set -euo pipefail

: "${REPO_MIRROR:?}" "${REPO_BRANCH:?}" "${DEPLOY_TO:?}" "${READY_URL:?}"
: "${GROUP:?}" "${HOOK:?}"
imds=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
imds=${imds%/}
# Debian 12's command line wants the slash.
export AWS_EC2_METADATA_SERVICE_ENDPOINT=$imds/ AWS_PAGER=

die() {
	echo "user-data: $*" >&2
	exit 1
}

get() {
	curl -fsS --retry 3 --max-time 5 "$@"
}

metadata() {
	get -H "X-aws-ec2-metadata-token: $token" "$imds/latest/$1"
}

# member NAME: a text of the identity document, which is flat.
member() {
	[[ $identity =~ \"$1\"[[:space:]]*:[[:space:]]*\"([^\"]*)\" ]] ||
		die "no $1 in the identity document"
	printf '%s' "${BASH_REMATCH[1]}"
}

token=$(get -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' \
	"$imds/latest/api/token")
identity=$(metadata dynamic/instance-identity/document)
instance=$(member instanceId)
region=$(member region)
state=$(metadata meta-data/autoscaling/target-lifecycle-state)
[ "$state" = InService ] || die "on the way to $state, not InService"

git -C "$REPO_MIRROR" fetch --quiet origin \
	"+refs/heads/$REPO_BRANCH:refs/heads/$REPO_BRANCH"
wanted=$(git -C "$REPO_MIRROR" rev-parse --verify "refs/heads/$REPO_BRANCH^{commit}")
release=$(readlink -e "$DEPLOY_TO/current") || die "nothing is deployed"
[ "$(<"$release/REVISION")" = "$wanted" ] || die "$wanted would have to be deployed"

answers=$(get -o /dev/null -w '%header{x-revision}' "$READY_URL")
[ "$answers" = "$wanted" ] || die "the application answers from '$answers'"

# AWS_ENDPOINT_URL is newer than Debian 12's command line (2.13), which wants an option.
/usr/bin/aws autoscaling complete-lifecycle-action --region "$region" \
	${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} \
	--auto-scaling-group-name "$GROUP" --lifecycle-hook-name "$HOOK" \
	--instance-id "$instance" --lifecycle-action-result CONTINUE
