namespace RnnLm.Cluster.Tests;

/// <summary>What the build of an image gets of the repository: the files that its ignore file lets in.</summary>
internal static class SourceCopy
{
    /// <summary>The ignore file lets in what stands behind an exclamation mark, without what it takes out again.
    /// </summary>
    private static string Copy => """
        mkdir -p "$1" && cd "$0" && for pattern in $(sed -n 's/^!//p' deploy/docker/Dockerfile.dockerignore); do
            cp -r $pattern "$1" || exit
        done
        cd "$1" && for name in $(sed -n 's/^\*\*\///p' "$0"/deploy/docker/Dockerfile.dockerignore); do
            find . -name "$name" -prune -exec rm -r {} +
        done
        """;

    /// <summary>Copies them: the directory.</summary>
    public static string Make(TemporaryDirectory directory)
    {
        string source = Path.Combine(directory.Root, "source");
        Machine.Run("sh", "-c", Copy, Repository.Root, source);
        return source;
    }

    /// <summary>Runs a command of a shell there that ends with <c>dotnet publish</c>.</summary>
    public static void Run(string source, string command)
    {
        // The compiler's server would outlive the test, and with it the files that it has open.
        string whole = $"cd \"$0\" && unset LIBTORCH && {command} -p:UseSharedCompilation=false -nodeReuse:false";
        Machine.Run("sh", "-c", whole, source);
    }
}
