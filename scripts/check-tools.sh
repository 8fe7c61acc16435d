#!/bin/sh
# Names everything that is missing, each with the command that installs it, before any long work starts.
python=${1:-python3}
missing=0

if [ "$(uname)" = Darwin ]; then
    packages() { echo "brew install $1"; }
else
    packages() { echo "apt-get install $2   (or your distribution's package of that name)"; }
fi

need() { # need COMMAND HOW-TO-INSTALL
    command -v "$1" >/dev/null 2>&1 && return
    echo "missing: $1. Install it with: $2" >&2
    missing=1
}

need swift "the instructions at https://www.swift.org/install (Swift 6.3 or newer)"
need git "$(packages git git)"
need "$python" "$(packages python python3)"
if [ "$(uname)" = Darwin ]; then
    need clang++ "xcode-select --install"
else
    need "${CXX:-c++}" "$(packages gcc g++)"
    need "${AR:-ar}" "$(packages binutils binutils)"
    if command -v "${CXX:-c++}" >/dev/null 2>&1 && ! echo '#include <sqlite3.h>' | "${CXX:-c++}" -x c++ -fsyntax-only - 2>/dev/null; then
        echo "missing: sqlite3.h. Install it with: $(packages sqlite libsqlite3-dev)" >&2
        missing=1
    fi
fi

if command -v swift >/dev/null 2>&1; then
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -n 1)
    set -- $version
    if [ "${1:-0}" -lt 6 ] || { [ "$1" -eq 6 ] && [ "${2:-0}" -lt 3 ]; }; then
        echo "missing: Swift 6.3 or newer (this is ${1:-?}.${2:-?}). Install it with: the instructions at https://www.swift.org/install" >&2
        missing=1
    fi
fi

if command -v "$python" >/dev/null 2>&1; then
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        echo "missing: Python 3.10 or newer. Install it with: $(packages python python3)" >&2
        missing=1
    elif ! "$python" -m pip --version >/dev/null 2>&1; then
        echo "missing: pip for $python. Install it with: $(packages python python3-pip)" >&2
        missing=1
    fi
fi

exit $missing
