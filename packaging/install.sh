#!/bin/sh
# Installs a release of Shimmy, after checking its checksum.
#
#     sh install.sh [--prefix DIRECTORY] [--version VERSION] [--from URL-OR-FOLDER]
#
# --prefix   where bin and share are; default: /usr/local for root, else ~/.local
# --version  default: the newest release
# --from     the address or the folder with the archives and SHA256SUMS; default: the releases of $SHIMMY_REPOSITORY
#
# Everything is downloaded to a temporary folder first; a file with a wrong checksum is not installed.
set -eu

fail() {
    echo "error: $1" >&2
    exit 1
}

prefix= version= from=
while [ $# -gt 0 ]; do
    case $1 in
        --prefix | --version | --from)
            [ $# -ge 2 ] || fail "$1 needs a value"
            case $1 in
                --prefix) prefix=$2 ;;
                --version) version=$2 ;;
                --from) from=$2 ;;
            esac
            shift 2
            ;;
        *) fail "unknown option $1; --prefix, --version and --from are allowed" ;;
    esac
done

if [ -z "$prefix" ]; then
    if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=$HOME/.local; fi
fi

case $(uname -s) in
    Linux) system=linux ;;
    Darwin) system=macos ;;
    *) fail "there is no program for $(uname -s); Linux and macOS are supported" ;;
esac
case $(uname -m) in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=arm64 ;;
    *) fail "there is no program for $(uname -m); x86_64 and arm64 are supported" ;;
esac

if [ -z "$from" ]; then
    [ -n "${SHIMMY_REPOSITORY:-}" ] || fail "name the place of the releases with --from, or the repository with SHIMMY_REPOSITORY=https://..."
    if [ -n "$version" ]; then from=$SHIMMY_REPOSITORY/releases/download/v$version; else from=$SHIMMY_REPOSITORY/releases/latest/download; fi
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

get() { # get NAME
    case $from in
        http://* | https://*)
            if command -v curl >/dev/null; then
                curl --fail --location --silent --show-error --output "$folder/$1" "$from/$1"
            elif command -v wget >/dev/null; then
                wget --quiet --output-document "$folder/$1" "$from/$1"
            else
                fail "curl or wget is needed"
            fi
            ;;
        *) cp "$from/$1" "$folder/$1" ;;
    esac || fail "cannot get $1 from $from"
}

get SHA256SUMS
pattern="shimmy-${version:-[0-9][0-9.]*}-$system-$machine\\.tar\\.gz"
archive=$(sed -n "s/^[0-9a-f]\\{64\\}  \\($pattern\\)\$/\\1/p" "$folder/SHA256SUMS" | head -n 1)
[ -n "$archive" ] || fail "SHA256SUMS of $from has no program for $system on $machine"
get "$archive"

expected=$(sed -n "s/  $archive\$//p" "$folder/SHA256SUMS")
if command -v sha256sum >/dev/null; then
    found=$(sha256sum "$folder/$archive" | cut -d ' ' -f 1)
else
    found=$(shasum -a 256 "$folder/$archive" | cut -d ' ' -f 1)
fi
[ "$expected" = "$found" ] || fail "$archive has the checksum $found instead of $expected; nothing was installed"

tar -xzf "$folder/$archive" -C "$folder"
top=$folder/${archive%.tar.gz}
"$top/bin/shimmy" --version >/dev/null 2>&1 || fail "the program does not run on this machine; it needs glibc 2.31 and an x86-64-v2 or ARMv8.2 processor"
mkdir -p "$prefix/bin" "$prefix/share"
# A running program keeps its file: the new one gets the name in one step.
cp "$top/bin/shimmy" "$prefix/bin/.shimmy.$$"
mv "$prefix/bin/.shimmy.$$" "$prefix/bin/shimmy"
cp -R "$top/share/." "$prefix/share/"

echo "Installed $("$prefix/bin/shimmy" --version) in $prefix."
case :$PATH: in
    *":$prefix/bin:"*) ;;
    *) echo "Add $prefix/bin to PATH." ;;
esac
echo "Next: shimmy pull USER/REPO, then shimmy serve."
