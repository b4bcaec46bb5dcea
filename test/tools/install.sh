#!/bin/sh
# The programs from outside that the tests use. Installed where that is possible; said where it is not.
set -eu

command -v aws >/dev/null 2>&1 && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends awscli
  exit 0
fi

echo 'The tests use the AWS command line. Install it (Debian: apt-get install awscli), and run again.' >&2
exit 1
