using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json;

namespace RnnLm.Cli.Tests;

/// <summary>Which libtorch a build takes, and the mended libLibTorchSharp.so (RnnLm.Worker.targets).</summary>
[Collection(Collection)]
public sealed class Packaging
{
    /// <summary>The collection of the tests that publish or pack what was built: one at a time writes beside it.
    /// </summary>
    public const string Collection = "packaging";

    private const string Library = "libLibTorchSharp.so";

    [Theory]
    [InlineData("", "libtorch-cpu-linux-x64")]
    [InlineData("-p:Cuda=true", "TorchSharp-cuda-linux")]
    [InlineData("-p:LIBTORCH=/some/where", null)]
    public void A_property_selects_the_package_with_libtorch(string property, string? expected)
    {
        string json = Dotnet(
            "msbuild", Path.Combine(Repository.Root, "src/Worker/RnnLm.Worker.csproj"), "-getItem:PackageReference",
            property);
        var packages = JsonElement.Parse(json).GetProperty("Items").GetProperty("PackageReference").EnumerateArray()
            .Select(item => item.GetProperty("Identity").GetString()!)
            .Where(name => name.Contains("orch", StringComparison.Ordinal));
        string[] all = expected is null ? ["TorchSharp"] : ["TorchSharp", expected];
        Assert.Equal(all, packages);
    }

    [Fact]
    public void One_flag_of_the_library_is_changed_and_the_package_is_as_it_was_downloaded()
    {
        byte[] mended = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "runtimes/linux-x64/native", Library));
        string package = Path.Combine(PackageFolder(), "torchsharp");
        string version = Path.GetFileName(Directory.GetDirectories(package).Single(Uses));
        byte[] cached = File.ReadAllBytes(Path.Combine(package, version, "runtimes/linux-x64/native", Library));
        using var archive = ZipFile.OpenRead(Path.Combine(package, version, $"torchsharp.{version}.nupkg"));
        using var stream = archive.GetEntry($"runtimes/linux-x64/native/{Library}")!.Open();
        using var downloaded = new MemoryStream();
        stream.CopyTo(downloaded);
        Assert.True(cached.AsSpan().SequenceEqual(downloaded.ToArray()), "the package cache's file was changed");

        // VER_FLG_WEAK of one entry of .gnu.version_r.
        Assert.Equal(cached.Length, mended.Length);
        int changed = Assert.Single(Enumerable.Range(0, cached.Length), at => cached[at] != mended[at]);
        Assert.Equal(cached[changed] | 2, mended[changed]);
    }

    [Fact]
    public void A_published_program_trains_in_a_fresh_process()
    {
        using var directory = new TemporaryDirectory();
        string program = Path.Combine(directory.Root, "program");
        Dotnet(
            "publish", Path.Combine(Repository.Root, "src/Cli/RnnLm.Cli.csproj"), "-c", "Release", "--no-restore", "-o",
            program,
            "-p:UseSharedCompilation=false");
        var library = new FileInfo(Path.Combine(program, "runtimes/linux-x64/native", Library));
        Assert.Null(library.LinkTarget);
        Assert.True(File.ReadAllBytes(library.FullName).AsSpan().SequenceEqual(
            File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "runtimes/linux-x64/native", Library))));

        File.WriteAllText(
            Path.Combine(directory.Root, "text.txt"), string.Concat(Enumerable.Repeat("hello world\n", 50)));
        Dotnet(
            Path.Combine(program, "rnnlm.dll"), "train", "--corpus", Path.Combine(directory.Root, "text.txt"),
            "--run", Path.Combine(directory.Root, "run"),
            "--tokenizer", "char", "--dimension", "8", "--steps", "2");
        Assert.True(Directory.Exists(Path.Combine(directory.Root, "run/final")));

        // TorchSharp copies all of libtorch there when its own library does not load.
        Assert.False(Directory.Exists(Path.Combine(program, "cpu")));
    }

    private static bool Uses(string versionFolder) =>
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "rnnlm.deps.json"))
            .Contains($"\"TorchSharp/{Path.GetFileName(versionFolder)}\"", StringComparison.Ordinal);

    /// <summary>Where packages are restored to.</summary>
    internal static string PackageFolder() =>
        Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget/packages");

    private static string Dotnet(params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments.Where(argument => argument.Length > 0))
        {
            RedirectStandardOutput = true,
        };
        start.Environment.Remove("LIBTORCH");
        using var process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        return output;
    }
}
