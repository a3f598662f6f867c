#!/bin/sh
# Installs the system programs that some tests drive, where that is possible; a test whose program is missing is skipped with a reason.
# Nothing here may fail the run. HOLDFAST_TEST_APT=0 leaves the machine alone.
missing=""
for pair in curl:curl openssl:openssl strace:strace gcc:gcc rclone:rclone restic:restic s3fs:s3fs node:nodejs npm:npm faketime:faketime nginx:nginx-light kinit:krb5-user krb5kdc:krb5-kdc kadmin.local:krb5-admin-server nft:nftables ip:iproute2; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -d /usr/lib/python3/dist-packages/gssapi ] || missing="$missing python3-gssapi"
# A compiler without the C library's headers compiles nothing.
echo '#include <dlfcn.h>' | gcc -E - >/dev/null 2>&1 || missing="$missing libc6-dev"
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    how="install them to run those tests too"
elif [ "$(id -u)" != 0 ]; then
    how="to run those tests too, as root: apt-get install --no-install-recommends$missing"
elif [ "${HOLDFAST_TEST_APT:-1}" = 0 ]; then
    how="HOLDFAST_TEST_APT=0 forbids to install them"
else
    echo "installing programs that tests drive (HOLDFAST_TEST_APT=0 forbids it), about a minute:$missing"
    said=$(
        export DEBIAN_FRONTEND=noninteractive
        { timeout 120 apt-get update -qq
        # shellcheck disable=SC2086
        timeout 600 apt-get install -y -qq --no-install-recommends $missing; } 2>&1
    ) && exit 0
    how="apt-get said: $(echo "$said" | grep '^E:' | head -n 3)"
fi
echo "not installed, so the tests that need them are skipped:$missing"
echo "  $how"
exit 0
