#!/bin/sh
# Installs the real clients into .build: the Python ones from their hash-pinned locks, each lock into an environment of its own; the JavaScript SDK, and the
# issuer by which people of tests/oidc sign in; and, where Go is, the h2spec suite. All at the same time, each once a lock; what cannot be installed is
# left out, and its tests are skipped with that reason. Argument: a Python interpreter.
python=$1
mkdir -p .build

# python_clients NAME LOCK WHAT: the environment .build/NAME as LOCK says.
python_clients() {
    [ -f "$2" ] && ! cmp -s "$2" ".build/$1/lock" || return 0
    echo "installing $3 into .build/$1: once, about a minute"
    rm -rf ".build/$1"
    if "$python" -m venv ".build/$1" &&
        timeout 600 ".build/$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-compile --require-hashes -r "$2"; then
        cp "$2" ".build/$1/lock"
    else
        echo "$3 could not be installed; their tests are skipped"
    fi
}
python_clients clients tests/clients/requirements.lock "the Python clients" &
python_clients clients-tables tests/clients/tables.lock "ClickHouse, DuckDB, Polars and Delta Lake" &
python_clients oci tests/oci/requirements.lock "the oci command and its SDK" &

# node_clients NAME FOLDER WHAT: .build/NAME as the package-lock.json of FOLDER says.
node_clients() {
    [ -f "$2/package-lock.json" ] && command -v npm >/dev/null 2>&1 && ! cmp -s "$2/package-lock.json" ".build/$1/package-lock.json" || return 0
    echo "installing $3 into .build/$1"
    rm -rf ".build/$1"
    mkdir -p ".build/$1"
    cp "$2/package.json" ".build/$1/"
    if ! cp "$2/package-lock.json" ".build/$1/" || ! (cd ".build/$1" && timeout 300 npm ci --silent --no-audit --no-fund --ignore-scripts); then
        rm -rf ".build/$1"
        echo "$3 could not be installed; its tests are skipped"
    fi
}
node_clients clients-js tests/clients/js "the JavaScript client" &
node_clients oidc-issuer tests/oidc/issuer "the OpenID Connect issuer of the tests" &

suite=tests/http/h2spec
if command -v go >/dev/null 2>&1 && ! cmp -s "$suite/go.sum" .build/h2spec/go.sum; then
    echo "building h2spec into .build/h2spec: once, about half a minute"
    rm -rf .build/h2spec
    mkdir -p .build/h2spec
    if (cd "$suite" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOBIN="$OLDPWD/.build/h2spec" timeout 300 go install github.com/summerwind/h2spec/cmd/h2spec); then
        cp "$suite/go.sum" .build/h2spec/
    else
        echo "h2spec could not be built; its test is skipped"
    fi
fi
wait
exit 0
