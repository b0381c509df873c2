#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a team without bootagent runs on a box to deploy the head of a branch: fetch it (or
# clone it, the first time), write it to a directory of its own, have it on the disk, let
# `current` lead there, see that the application answers, remove what is old. The other
# side of `bootagent sync` in the benchmark.
set -euo pipefail

: "${REPO_URL:?}" "${REPO_MIRROR:?}" "${REPO_BRANCH:?}" "${DEPLOY_TO:?}" "${READY_URL:?}"
keep_releases=${KEEP_RELEASES:-5}
head=refs/heads/$REPO_BRANCH

if [ -d "$REPO_MIRROR" ]; then
	git -C "$REPO_MIRROR" fetch --quiet "$REPO_URL" "+$head:$head"
else
	git clone --quiet --bare --single-branch --branch "$REPO_BRANCH" "$REPO_URL" \
		"$REPO_MIRROR"
fi
wanted=$(git -C "$REPO_MIRROR" rev-parse --verify "$head^{commit}")

release=$DEPLOY_TO/releases/$(date +%Y%m%d%H%M%S.%N)
mkdir -p "$release"
git -C "$REPO_MIRROR" archive "$wanted" | tar -x -C "$release"
echo "$wanted" >"$release/REVISION"
sync -f "$release"

ln -s "releases/${release##*/}" "$DEPLOY_TO/current.new"
mv -T "$DEPLOY_TO/current.new" "$DEPLOY_TO/current"
answers=$(curl -fsS --max-time 5 -o /dev/null -w '%header{x-revision}' "$READY_URL")
if [ "$answers" != "$wanted" ]; then
	echo "deploy: the application answers from '$answers'" >&2
	exit 1
fi

cd "$DEPLOY_TO/releases"
printf '%s\n' * | head -n "-$keep_releases" | xargs -r rm -rf --
