#!/bin/sh
# Installs the system programs that some tests drive, where that is possible; a test whose program is missing is skipped with a reason.
# Nothing here may fail the run. HOLDFAST_TEST_APT=0 leaves the machine alone.
missing=""
for pair in curl:curl openssl:openssl strace:strace gcc:gcc rclone:rclone restic:restic node:nodejs npm:npm faketime:faketime; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && [ "${HOLDFAST_TEST_APT:-1}" != 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing for the tests:$missing"
    (
        export DEBIAN_FRONTEND=noninteractive
        timeout 120 apt-get update -qq
        # shellcheck disable=SC2086
        timeout 300 apt-get install -y -qq --no-install-recommends $missing
    ) >/dev/null 2>&1 && exit 0
fi
echo "not installed, so the tests that need them are skipped:$missing"
exit 0
