# Sourced by bench/recovery, chaos, processes and heartbeats: builds what is missing, then starts the bench that is
# called as the script.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
"$root/rnnlm" --version >/dev/null
. "$root/build/setup.sh"
build "bench/$(basename "$0")" bench/Cluster/RnnLm.Cluster.Benchmarks.csproj
exec dotnet "$root/bench/Cluster/bin/Release/net10.0/RnnLm.Cluster.Benchmarks.dll" "$(basename "$0")" "$@"
