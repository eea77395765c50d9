# Sourced by ./rnnlm and ./test: makes sure that what they need is installed. Says what it does; does nothing that is done.

say() { printf '%s\n' "$*" >&2; }

fail() { say "rnnlm: $*"; exit 3; }

# What to install where there is no apt-get.
needs="libtorch (1.13 or newer), SentencePiece, oneDNN 2 or 3 and OpenBLAS with their headers, CMake, a C++17 compiler and npm"

install_packages() {
    command -v dotnet >/dev/null || fail "the .NET SDK 10 is missing; install it (https://dot.net) and run this again"
    local missing=()
    local package
    for package in libsentencepiece-dev libdnnl-dev libopenblas0-pthread $([ -n "${LIBTORCH:-}" ] || echo libtorch-dev); do
        command -v dpkg-query >/dev/null && [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    command -v cmake >/dev/null || missing+=(cmake)
    command -v g++ >/dev/null || command -v clang++ >/dev/null || missing+=(g++)
    command -v npm >/dev/null || missing+=(npm)
    [ ${#missing[@]} -eq 0 ] && return

    if ! command -v apt-get >/dev/null; then
        say "rnnlm: this is no Debian or Ubuntu; it needs $needs. If all of that is installed, go on."
        return
    fi

    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "packages are missing: as root, run apt-get install ${missing[*]}"
        as_root=(sudo)
    fi

    say "installing ${missing[*]} …"
    local log="$root/artifacts/setup/apt.log"
    {
        "${as_root[@]}" apt-get update &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
    } >"$log" 2>&1 || { tail -n 5 "$log" >&2; fail "apt-get could not install ${missing[*]}; see $log"; }
}

# build NAME PROJECT: builds a project or solution in Release, quietly; the log is shown if it fails.
build() {
    local log="$root/artifacts/setup/build.log"
    say "building $1 …"
    dotnet build "$root/$2" -c Release -nologo -v quiet "-p:Stack=$stack" >"$log" 2>&1 || { grep -E 'error|Error' "$log" | sort -u | head -n 20 >&2; fail "the build failed; see $log"; }
}
