# Sourced by ./rnnlm and ./test: builds with the .NET SDK, which is all they need. Says what it does.

say() { printf '%s\n' "$*" >&2; }

fail() { say "rnnlm: $*"; exit 3; }

# build NAME PROJECT: builds a project or solution in Release, quietly; the log is shown if it fails.
build() {
    command -v dotnet >/dev/null || fail "the .NET SDK 10 is missing; install it (https://dot.net) and run this again"
    local log="$root/artifacts/setup/build.log"
    say "building $1 …"
    dotnet build "$root/$2" -c Release -nologo -v quiet >"$log" 2>&1 ||
        { grep -E 'error|Error' "$log" | sort -u | head -n 20 >&2; fail "the build failed; see $log"; }
}
