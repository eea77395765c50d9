using System.Text.RegularExpressions;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// What the image of deploy/docker would hold of ours: made by the commands of the Dockerfile from the files that its
/// ignore file lets in, without its bases.
/// </summary>
public sealed partial class ProgramImage : IDisposable
{
    /// <summary>Of each volume mount: where it lies, where the container has it, and "ro" or "rw".</summary>
    private const string IsolateScript = """
        root=$1 image=$2 destination=$3 hosts=$4; shift 4
        mount -t tmpfs -o mode=755 none "$root" && cd "$root" || exit
        mkdir etc dev proc tmp
        for name in bin sbin lib lib64; do
            [ -L /$name ] && cp -P /$name . || { mkdir $name; mount --bind -o ro /$name $name; }
        done
        mkdir usr && mount --bind /usr usr && mount -o remount,bind,ro usr || exit
        touch etc/hosts && mount --bind "$hosts" etc/hosts || exit
        for name in null zero random urandom; do touch dev/$name; mount --bind /dev/$name dev/$name; done
        mount -t proc none proc
        mkdir -p ".$destination" && mount --bind "$image" ".$destination" && mount -o remount,bind,ro ".$destination"
        while [ "$1" != -- ]; do
            mkdir -p ".$2" && mount --bind "$1" ".$2" && mount -o "remount,bind,$3" ".$2" || exit
            shift 3
        done
        shift
        mount -o remount,ro "$root" && exec /usr/sbin/chroot "$root" "$@"
        """;

    private readonly TemporaryDirectory _directory = new();
    private readonly Lazy<string> _folder;

    public ProgramImage()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "deploy/docker/Dockerfile"))
            .Replace("\\\n", " ", StringComparison.Ordinal);
        Lines = [.. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')];
        Environment = Value("ENV").Split(' ').Select(pair => pair.Split('='))
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        _folder = new Lazy<string>(Publish);
    }

    /// <summary>The instructions of the Dockerfile, each in one line.</summary>
    internal IReadOnlyList<string> Lines { get; }

    /// <summary>The folder of the program on this machine.</summary>
    internal string Folder => _folder.Value;

    /// <summary>Where the image has it.</summary>
    internal string Destination => Value("COPY --from=build").Split(' ')[1];

    /// <summary>Variables that the image sets.</summary>
    internal IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>Who runs it: user and group.</summary>
    internal (int User, int Group) Owner =>
        Value("USER").Split(':') is [var user, var group] ? (int.Parse(user, null), int.Parse(group, null)) : default;

    /// <summary>What begins every command.</summary>
    internal string EntryPoint => EntryPointPattern().Match(Value("ENTRYPOINT")).Groups[1].Value;

    public void Dispose() => _directory.Dispose();

    /// <summary>
    /// What comes before a command that runs in a container of the image, here: namespaces of its own for processes and
    /// mounts, the image as a root that can only be read, over this machine's libraries.
    /// </summary>
    /// <param name="root">An empty directory.</param>
    /// <param name="hosts">The file that is its /etc/hosts.</param>
    /// <param name="mounts">Directories of this machine, where the container has them, and whether it may write there.
    /// </param>
    internal IReadOnlyList<string> Isolate(
        string root, string hosts, IEnumerable<(string From, string To, bool IsWritable)> mounts) =>
    [
        "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", IsolateScript, "sh", root, Folder,
        Destination, hosts,
        .. mounts.SelectMany(mount => (string[])[mount.From, mount.To, mount.IsWritable ? "rw" : "ro"]),
        "--",
    ];

    /// <summary>A command in such a container: with the image's environment and these variables, as a user without any
    /// capability.</summary>
    internal IReadOnlyList<string> Command(
        IReadOnlyDictionary<string, string> variables, int user, int group, int groups, IEnumerable<string> command) =>
    [
        "/usr/bin/env", "-i",
        .. Environment.Select(
            each => $"{each.Key}={each.Value.Replace("$PATH", "/usr/bin:/bin", StringComparison.Ordinal)}"),
        .. variables.Select(each => $"{each.Key}={each.Value}"),
        "/usr/bin/setpriv", "--reuid", $"{user}", "--regid", $"{group}", "--groups", $"{groups}", "--no-new-privs",
        "--bounding-set", "-all",
        .. command,
    ];

    /// <summary>What the last instruction of a kind says.</summary>
    internal string Value(string instruction) =>
        Lines.Last(line => line.StartsWith($"{instruction} ", StringComparison.Ordinal))[(instruction.Length + 1)..];

    [GeneratedRegex("^\\[\"([^\"]+)\"\\]$")]
    private static partial Regex EntryPointPattern();

    /// <summary>Runs the Dockerfile's own command where its build stage would.</summary>
    private string Publish()
    {
        string folder = Path.Combine(_directory.Root, "image");
        string source = SourceCopy.Make(_directory);
        string publish = Lines.Single(line => line.StartsWith("RUN dotnet publish", StringComparison.Ordinal))[4..]
            .Replace($"-o {Destination}", $"-o {folder}", StringComparison.Ordinal);

        SourceCopy.Run(source, $"ACCELERATOR=cpu; {publish}");
        return folder;
    }
}
