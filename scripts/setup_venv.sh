#!/bin/sh
# Makes .venv and installs the project into it, and into nothing else: `setup_venv.sh dev` or `setup_venv.sh runtime`.
# A stamp in .venv tells whether anything is left to do, so that a second run costs nothing.
set -eu

kind=${1:?dev or runtime}
cd "$(dirname "$0")/.."
venv=.venv
stamp=$venv/.installed-$kind

fail() {
    echo "setup: $*" >&2
    exit 1
}

# A name on PATH proves nothing (a version manager's shim may refuse), so each candidate has to run.
works() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if works "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

up_to_date() {
    [ -f "$1" ] || return 1
    for source in pyproject.toml uv.lock scripts/setup_venv.sh; do
        [ ! -f "$source" ] || [ "$1" -nt "$source" ] || return 1
    done
}

install_with_uv() {
    [ -f uv.lock ] || return 1
    if ! "$venv/bin/python" -m uv --version >/dev/null 2>&1; then
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'uv>=0.9' || return 1
    fi
    only=
    [ "$kind" = dev ] || only=--no-dev
    env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT="$venv" UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy \
        "$venv/bin/python" -m uv sync --quiet --frozen --inexact $only --python "$venv/bin/python"
}

install_with_pip() {
    what=.
    [ "$kind" = dev ] && what='.[dev]'
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$what"
}

if [ -x "$venv/bin/python" ] && works "$venv/bin/python"; then
    # Whoever has the tools has the gateway as well.
    if up_to_date "$stamp" || up_to_date "$venv/.installed-dev"; then
        exit 0
    fi
else
    python=$(find_python) || fail "no Python 3.11 or newer with venv was found (on Debian and Ubuntu: apt install python3-venv); name one with PYTHON=/path/to/python"
    echo "setup: making $venv with $python ($("$python" -c 'import platform; print(platform.python_version())'))"
    "$python" -m venv --clear "$venv" || fail "$python cannot make a virtual environment"
fi

if install_with_uv; then
    how='uv, versions from uv.lock'
elif install_with_pip; then
    how='pip, newest versions that pyproject.toml allows'
else
    fail "the packages could not be installed; is the package index reachable?"
fi
touch "$stamp"
echo "setup: $kind installation in $venv is ready ($how)"
