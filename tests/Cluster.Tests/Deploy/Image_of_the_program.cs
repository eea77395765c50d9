using System.Reflection;
using System.Text.RegularExpressions;

namespace RnnLm.Cluster.Tests;

/// <summary>deploy/docker without Docker.</summary>
[Collection(JobClusters.Name)]
public sealed partial class Image_of_the_program(ProgramImage image) : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Its_file_names_what_is_there()
    {
        Assert.Equal($"{image.Destination} {image.Destination}", image.Value("COPY --from=build"));
        Assert.StartsWith($"{image.Destination}:", image.Environment["PATH"], StringComparison.Ordinal);
        Assert.StartsWith($"{image.Destination}/", image.EntryPoint, StringComparison.Ordinal);
        Assert.Contains("/tmp", image.Value("WORKDIR"), StringComparison.Ordinal);
        Assert.Equal((10001, 10001), image.Owner);
        string version = typeof(ClusterHost).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
        Assert.Contains($"image.version=\"{version}\"", image.Value("LABEL"), StringComparison.Ordinal);
        string[] bases =
        [
            .. image.Lines.Where(line => line.StartsWith("FROM ", StringComparison.Ordinal))
                .Select(line => line.Split(' ')[1]).Where(name => !name.StartsWith('$')),
        ];
        Assert.Equal(3, bases.Length);
        Assert.All(bases, name => Assert.Matches(OfUbuntu2404(), name));
    }

    [RootFact("unshare --mount --pid --fork mount -t tmpfs none /mnt && command -v setpriv")]
    public void It_runs_as_a_plain_user_who_can_write_to_nothing_but_the_directories_that_he_is_given()
    {
        Assert.True(File.Exists($"{image.Folder}{image.EntryPoint[image.Destination.Length..]}"));
        string root = Make("root");
        string temporary = Make("tmp");
        _directory.Write("hosts", "127.0.0.1 localhost\n");
        File.WriteAllText(Path.Combine(temporary, "text.txt"), SmallText.Sentences(100));
        Machine.Run("chmod", "777", temporary);
        string log = Path.Combine(_directory.Root, "log");
        string[] command =
        [
            .. image.Isolate(root, Path.Combine(_directory.Root, "hosts"), [(temporary, "/tmp", true)]),
            .. image.Command(
                new Dictionary<string, string>(), image.Owner.User, image.Owner.Group, image.Owner.Group,
                [
                    "/bin/sh", "-c",
                    "! touch /x && ! touch \"$0\".x && cd /tmp && " +
                    "exec \"$0\" train --corpus text.txt --run run --preset char --dimension 8 --steps 2",
                    image.EntryPoint,
                ]),
        ];
        Assert.True(
            Machine.TryRun("sh", ["-c", "log=$0; \"$@\" >\"$log\" 2>&1", log, .. command]),
            File.ReadAllText(log));
        Assert.True(Directory.Exists(Path.Combine(temporary, "run/final")), File.ReadAllText(log));
    }

    public void Dispose() => _directory.Dispose();

    private string Make(string name) => Directory.CreateDirectory(Path.Combine(_directory.Root, name)).FullName;

    /// <summary>A version of one day or one release, not what is newest.</summary>
    [GeneratedRegex("(:noble-2[0-9]{7}|:[0-9]+\\.[0-9]+\\.[0-9]+-(noble|base-ubuntu24\\.04))$")]
    private static partial Regex OfUbuntu2404();
}
