# Makes .venv with a Python of 3.11 or later, whatever the machine lacks of it. Sourced by the other scripts.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && recent "$candidate"; then
            printf '%s' "$candidate"
            return 0
        fi
    done
    return 1
}

apt_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else return 1; fi
    say "Installing with apt-get: $*"
    $as_root apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq "$@" >&2
}

python=$(find_python) || {
    apt_install python3 python3-venv >/dev/null || true
    python=$(find_python) || apt_install python3.11 python3.11-venv >/dev/null || true
    python=$(find_python) || {
        say "Python 3.11 or later is needed. Install it (apt-get install python3.11 python3.11-venv), or name one: PYTHON=/path/to/python3.12"
        exit 1
    }
}

make_venv() { rm -rf .venv && "$python" -m venv .venv >/dev/null 2>&1 && .venv/bin/python -m pip --version >/dev/null 2>&1; }

if ! { [ -x .venv/bin/python ] && recent .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    if ! make_venv; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        apt_install "python$version-venv" || apt_install python3-venv || true
        if ! make_venv; then
            rm -rf .venv
            if ! { "$python" -m virtualenv -q .venv >/dev/null 2>&1 || virtualenv -q -p "$python" .venv >/dev/null 2>&1; }; then
                say "This Python cannot make virtual environments. As root: apt-get install python$version-venv"
                exit 1
            fi
        fi
    fi
fi

pip_install() { .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; }
