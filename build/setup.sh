# Sourced by ./rnnlm and ./test, with $root set: builds with the .NET SDK, which is all they need. Says what it does.

setup="$root/artifacts/setup"

# What the last build was made from and with; gone while one is under way.
stamp="$setup/built"

say() { printf '%s\n' "$*" >&2; }

fail() { say "rnnlm: $*"; exit 3; }

# Sources and choices: the file count sees what was deleted, the choices decide which libtorch the build takes.
state() {
    echo "cuda: ${Cuda:-false}, own libtorch: ${LIBTORCH:+true}, files: $(sources | wc -l)"
}

sources() {
    find "$root/src" "$root/build" "$root"/Directory.* "$root/global.json" \
        \( -name bin -o -name obj \) -prune -o -type f "$@" -print
}

is_built() {
    [ -f "$program" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(state)" ] &&
        [ -z "$(sources -newer "$stamp" | head -n 1)" ]
}

# build NAME PROJECT: builds a project or solution in Release, quietly; the log is shown if it fails.
build() {
    command -v dotnet >/dev/null || fail "the .NET SDK 10 is missing; install it (https://dot.net) and run this again"
    local log="$setup/build.log"
    say "building $1 …"

    # The lock is not for the compiler's servers, which outlive the build.
    dotnet build "$root/$2" -c Release -nologo -v quiet >"$log" 2>&1 9>&- ||
        { grep -E 'error|Error' "$log" | sort -u | head -n 20 >&2; fail "the build failed; see $log"; }
}

# build_once NAME PROJECT [always]: the same, one at a time in this clone, unless another process has built meanwhile.
build_once() {
    mkdir -p "$setup" 2>/dev/null && [ -w "$setup" ] && { [ ! -e "$setup/lock" ] || [ -w "$setup/lock" ]; } ||
        fail "$root is not built, or its sources have changed, and you may not write there;" \
            "let its owner run ./rnnlm setup"
    exec 9>>"$setup/lock"
    ! command -v flock >/dev/null || flock 9
    if [ "${3:-}" = always ] || ! is_built; then
        # The stamp is as old as the beginning of the build, so that what changed meanwhile is built next time.
        rm -f "$stamp"
        state >"$stamp.began"
        build "$1" "$2"
        mv "$stamp.began" "$stamp"
    fi
    exec 9>&-
}
