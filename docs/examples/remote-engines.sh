#!/usr/bin/env bash
# remote-engines.sh ENGINE...: each Docker engine runs a part of the trials, for example
#
#   remote-engines.sh ssh://ci@one.example ssh://ci@two.example
#
# gatecrash itself runs on the engine's own machine, in its network, and launches gateways through its socket.
set -euo pipefail
image=ghcr.io/OWNER/gatecrash:0.2.0

parts=()
for engine in "$@"; do
  number=$((${#parts[@]} + 1))
  # The group of the socket, there: the user in the image is not root.
  group=$(DOCKER_HOST=$engine docker run --rm --volume /var/run/docker.sock:/socket --entrypoint stat "$image" --format %g /socket)
  DOCKER_HOST=$engine docker run --rm --network host --volume /var/run/docker.sock:/var/run/docker.sock --group-add "$group" \
    "$image" compare litellm@1.81.0 litellm@1.82.3 --partition "$number/$#" --format json >"part-$number.json" &
  parts+=($!)
done
for part in "${parts[@]}"; do
  wait "$part" || [ $? -eq 1 ] # a regression is judged with all others, below
done
gatecrash merge part-*.json
