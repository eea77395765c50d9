using System.Text.RegularExpressions;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// What the image of deploy/docker would hold of ours: made by the commands of the Dockerfile from the files that its
/// ignore file lets in, without its bases.
/// </summary>
public sealed partial class ProgramImage : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public ProgramImage()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "deploy/docker/Dockerfile"))
            .Replace("\\\n", " ", StringComparison.Ordinal);
        Lines = [.. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')];
        Environment = Value("ENV").Split(' ').Select(pair => pair.Split('='))
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        Folder = Path.Combine(_directory.Root, "image");
        string source = Path.Combine(_directory.Root, "source");
        Machine.Run("sh", "-c", Copy, Repository.Root, source);
        string publish = Lines.Single(line => line.StartsWith("RUN dotnet publish", StringComparison.Ordinal))[4..]
            .Replace($"-o {Destination}", $"-o {Folder}", StringComparison.Ordinal);

        // The compiler's server would outlive the test, and with it the files that it has open.
        string command = $"{publish} -p:UseSharedCompilation=false -nodeReuse:false";
        Machine.Run("sh", "-c", $"cd \"$0\" && unset LIBTORCH && ACCELERATOR=cpu && {command}", source);
    }

    /// <summary>The instructions of the Dockerfile, each in one line.</summary>
    internal IReadOnlyList<string> Lines { get; }

    /// <summary>The folder of the program on this machine.</summary>
    internal string Folder { get; }

    /// <summary>Where the image has it.</summary>
    internal string Destination => Value("COPY --from=build").Split(' ')[1];

    /// <summary>Variables that the image sets.</summary>
    internal IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>Who runs it: user and group.</summary>
    internal (int User, int Group) Owner =>
        Value("USER").Split(':') is [var user, var group] ? (int.Parse(user, null), int.Parse(group, null)) : default;

    /// <summary>What begins every command.</summary>
    internal string EntryPoint => EntryPointPattern().Match(Value("ENTRYPOINT")).Groups[1].Value;

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

    public void Dispose() => _directory.Dispose();

    /// <summary>What the last instruction of a kind says.</summary>
    internal string Value(string instruction) =>
        Lines.Last(line => line.StartsWith($"{instruction} ", StringComparison.Ordinal))[(instruction.Length + 1)..];

    [GeneratedRegex("^\\[\"([^\"]+)\"\\]$")]
    private static partial Regex EntryPointPattern();
}
