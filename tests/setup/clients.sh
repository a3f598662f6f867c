#!/bin/sh
# Installs the real clients: the Python ones of tests/clients into .build/clients from their hash-pinned lock, Oracle's command into .build/oci, the
# JavaScript SDK into .build/clients-js, and the issuer by which people of tests/oidc sign in into .build/oidc-issuer.
# Each is done once a lock; what cannot be installed is left out, and its tests are skipped with that reason. Argument: a Python interpreter.
python=$1
lock=tests/clients/requirements.lock
if [ -f "$lock" ] && ! cmp -s "$lock" .build/clients/lock; then
    echo "installing the Python clients into .build/clients: once, about a minute"
    rm -rf .build/clients
    mkdir -p .build
    if "$python" -m venv .build/clients &&
        timeout 600 .build/clients/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$lock"; then
        cp "$lock" .build/clients/lock
    else
        echo "the Python clients could not be installed; their tests are skipped"
    fi
fi
lock=tests/oci/requirements.lock
if [ -f "$lock" ] && ! cmp -s "$lock" .build/oci/lock; then
    echo "installing the oci command into .build/oci: once, about a minute"
    rm -rf .build/oci
    mkdir -p .build
    if "$python" -m venv .build/oci &&
        timeout 600 .build/oci/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$lock"; then
        cp "$lock" .build/oci/lock
    else
        echo "the oci command could not be installed; its tests are skipped"
    fi
fi
lock=tests/clients/js/package-lock.json
if [ -f "$lock" ] && command -v npm >/dev/null 2>&1 && ! cmp -s "$lock" .build/clients-js/package-lock.json; then
    echo "installing the JavaScript client into .build/clients-js"
    rm -rf .build/clients-js
    mkdir -p .build/clients-js
    cp tests/clients/js/package.json .build/clients-js/
    if cp "$lock" .build/clients-js/package-lock.json &&
        (cd .build/clients-js && timeout 300 npm ci --silent --no-audit --no-fund --ignore-scripts); then
        :
    else
        rm -rf .build/clients-js
        echo "the JavaScript client could not be installed; its tests are skipped"
    fi
fi
lock=tests/oidc/issuer/package-lock.json
if [ -f "$lock" ] && command -v npm >/dev/null 2>&1 && ! cmp -s "$lock" .build/oidc-issuer/package-lock.json; then
    echo "installing the OpenID Connect issuer of the tests into .build/oidc-issuer"
    rm -rf .build/oidc-issuer
    mkdir -p .build/oidc-issuer
    cp tests/oidc/issuer/package.json .build/oidc-issuer/
    if cp "$lock" .build/oidc-issuer/package-lock.json &&
        (cd .build/oidc-issuer && timeout 300 npm ci --silent --no-audit --no-fund --ignore-scripts); then
        :
    else
        rm -rf .build/oidc-issuer
        echo "the issuer could not be installed; the tests of sign-in are skipped"
    fi
fi
exit 0
