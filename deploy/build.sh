#!/bin/sh
# Builds the image of deploy/compose.yaml with docker or podman.
#
#   IMAGE   name of the image          quorate-instance
#   BASE    image with Node ≥ 22.18    docker.io/library/node:24-slim
#   ENGINE  docker or podman           whichever is there
set -eu

cd "$(dirname -- "$0")/.."
engine=${ENGINE:-}
if [ -z "$engine" ]; then
  for candidate in docker podman; do
    if command -v "$candidate" >/dev/null 2>&1; then
      engine=$candidate
      break
    fi
  done
fi
if [ -z "$engine" ]; then
  echo "build.sh: needs docker or podman; install one, or name it in ENGINE" >&2
  exit 1
fi
set -- build --file deploy/Dockerfile --tag "${IMAGE:-quorate-instance}"
case $engine in
*podman*)
  # The other format has no health check.
  set -- "$@" --format docker --ignorefile deploy/Dockerfile.dockerignore
  ;;
esac
if [ -n "${BASE:-}" ]; then
  set -- "$@" --build-arg "BASE=$BASE"
fi
exec "$engine" "$@" .
