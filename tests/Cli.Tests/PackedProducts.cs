using System.IO.Compression;

namespace RnnLm.Cli.Tests;

/// <summary>
/// What <c>dotnet pack</c> makes of this build, the tool installed from it, and a copy of the samples beside it; home
/// is empty, and the only other packages are those that this build was restored from.
/// </summary>
public sealed class PackedProducts : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public PackedProducts()
    {
        _directory.Write("text.txt", SmallText.Sentences(60));
        using (var pack = RnnLmProcess.StartOther(
            Repository.Root, ["MSBUILDDISABLENODEREUSE=1"], RnnLmProcess.Host, "pack", "RnnLm.sln", "-c", "Release",
            "--no-build", "-nologo", "-o", Packages, $"-p:PublishDir={Path.Combine(Root, "publish/")}"))
        {
            pack.WaitForEnd().Succeeded();
        }

        foreach (string file in SamplesOf(Repository.Root))
        {
            string copy = Path.Combine(Root, Path.GetRelativePath(Repository.Root, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        // What was packed before may be in the cache, under the same version.
        string cache = Directory.CreateDirectory(Path.Combine(Root, "cache")).FullName;
        foreach (string package in Directory.GetDirectories(Packaging.PackageFolder())
            .Where(path => !Path.GetFileName(path).StartsWith("rnnlm", StringComparison.Ordinal)))
        {
            Directory.CreateSymbolicLink(Path.Combine(cache, Path.GetFileName(package)), package);
        }

        Directory.CreateDirectory(Path.Combine(Home, ".nuget/NuGet"));
        File.WriteAllText(
            Path.Combine(Home, ".nuget/NuGet/NuGet.Config"),
            $"""
            <configuration>
              <packageSources><clear /></packageSources>
              <fallbackPackageFolders><add key="cache" value="{cache}" /></fallbackPackageFolders>
            </configuration>
            """);
        Run(
            Root, RnnLmProcess.Host, "tool", "install", "rnnlm", "--tool-path", Path.Combine(Root, "tools"),
            "--source", Packages);
        RnnLmProcess.Run(_directory, ["train", .. Settings, "--run", Trained]).Succeeded();
        ModelSha256 = new RunFiles(Trained).FinalHashes.Model;
    }

    /// <summary>Where all of it is.</summary>
    public string Root => _directory.Root;

    /// <summary>Where the packages are.</summary>
    public string Packages => Path.Combine(Root, "artifacts/packages");

    /// <summary>The home directory.</summary>
    public string Home => Path.Combine(Root, "home");

    /// <summary>The tool.</summary>
    public string Tool => Path.Combine(Root, "tools/rnnlm");

    /// <summary>A small text.</summary>
    public string Text => Path.Combine(Root, "text.txt");

    /// <summary>Options of <c>train</c> for a small model of it.</summary>
    public IReadOnlyList<string> Settings =>
    [
        "--corpus", Text, "--preset", "char", "--dimension", "16", "--held-out", "0", "--steps", "30",
    ];

    /// <summary>A run with these, by the program that was built.</summary>
    public string Trained => Path.Combine(Root, "runs/built");

    /// <summary>SHA-256 of its model.</summary>
    public string ModelSha256 { get; }

    /// <summary>Reads a file of a package.</summary>
    public string Read(string package, string file)
    {
        using var archive = ZipFile.OpenRead(Path.Combine(Packages, package));
        using var reader = new StreamReader(archive.GetEntry(file)!.Open());
        return reader.ReadToEnd();
    }

    /// <summary>Builds a sample, the first time: the .dll.</summary>
    public string Build(string sample)
    {
        string folder = Path.Combine(Root, "samples", sample);
        string program = Path.Combine(folder, "bin/Debug/net10.0", $"{sample}.dll");
        if (!File.Exists(program))
        {
            Run(folder, RnnLmProcess.Host, "build", "-nologo", "-p:UseSharedCompilation=false");
        }

        return program;
    }

    /// <summary>Starts a program in this home.</summary>
    /// <param name="workingDirectory">Where.</param>
    /// <param name="variables">Of its environment, besides.</param>
    /// <param name="command">The program and its arguments.</param>
    internal RnnLmProcess Start(
        string workingDirectory, IEnumerable<string> variables, params IEnumerable<string> command) =>
        RnnLmProcess.StartOther(
            workingDirectory,
            [
                "--unset=NUGET_PACKAGES", "--unset=LIBTORCH", "--unset=RNNLM_CACHE", "--unset=XDG_CACHE_HOME",
                $"HOME={Home}", $"DOTNET_CLI_HOME={Home}", "DOTNET_NOLOGO=1", "DOTNET_CLI_TELEMETRY_OPTOUT=1",
                "DOTNET_GENERATE_ASPNET_CERTIFICATE=false", "MSBUILDDISABLENODEREUSE=1", .. variables,
            ],
            command);

    /// <summary>Runs one to its end, which must be a good one.</summary>
    internal ProcessResult Run(string workingDirectory, params IEnumerable<string> command)
    {
        using var process = Start(workingDirectory, [], command);
        return process.WaitForEnd().Succeeded();
    }

    public void Dispose() => _directory.Dispose();

    private static IEnumerable<string> SamplesOf(string repository) => Directory
        .EnumerateFiles(Path.Combine(repository, "samples"), "*", SearchOption.AllDirectories)
        .Where(file => !file.Contains("/bin/", StringComparison.Ordinal)
            && !file.Contains("/obj/", StringComparison.Ordinal));
}
