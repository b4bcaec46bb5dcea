#!/bin/sh
# The programs from outside that the tests use. Installed where that is possible; said where it is not.
set -eu

# Each is the Debian package that has it, and the program that is looked for.
programs='awscli:aws s3cmd:s3cmd rclone:rclone restic:restic s3fs:s3fs duplicity:duplicity curl:curl'
# Modules of Debian's own Python.
modules='python3-boto3:boto3 python3-venv:ensurepip'

missing=
for entry in $programs; do
  [ -x "/usr/bin/${entry#*:}" ] || command -v "${entry#*:}" >/dev/null 2>&1 || missing="$missing ${entry%:*}"
done
for entry in $modules; do
  PATH=/usr/bin:$PATH python3 -c "import ${entry#*:}" >/dev/null 2>&1 || missing="$missing ${entry%:*}"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests use programs that are not there. Install them (Debian: apt-get install$missing), and run again." >&2
    exit 1
  fi
  apt-get update -qq
  # shellcheck disable=SC2086 # one word a package
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

# The current boto3 as well: Debian's is from before the SDKs' default checksums. Without it, its tests fail and the others run.
python=${XDG_CACHE_HOME:-$HOME/.cache}/r2d-test/python
if ! [ -e "$python/complete" ]; then
  rm -rf "$python"
  PATH=/usr/bin:$PATH python3 -m venv "$python"
  if "$python/bin/pip" install -qq --retries 1 --disable-pip-version-check 'boto3>=1.36'; then
    touch "$python/complete"
  else
    echo "The tests of the current boto3 will fail: $python/bin/pip could not install 'boto3>=1.36'." >&2
  fi
fi

if ! [ -e /dev/fuse ]; then
  echo 'The tests of s3fs will fail: there is no /dev/fuse. The kernel module is loaded by: modprobe fuse' >&2
fi
