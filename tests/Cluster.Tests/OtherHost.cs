namespace RnnLm.Cluster.Tests;

/// <summary>
/// Has a process take itself for one of another host, which shares no memory: by another boot's number, in a mount
/// namespace of its own. There it can also know hosts by other addresses.
/// </summary>
internal static class OtherHost
{
    /// <summary>Succeeds where the launcher works.</summary>
    public const string Trial =
        "unshare --mount sh -c 'mount --bind /etc/hosts /proc/sys/kernel/random/boot_id && " +
        "mount --bind /proc/self/status /etc/hosts'";

    /// <summary>What starts a process there and becomes it.</summary>
    /// <param name="directory">Where the files lie that it sees.</param>
    /// <param name="name">Of the host.</param>
    /// <param name="hosts">Lines of its /etc/hosts.</param>
    public static IReadOnlyList<string> Launcher(TemporaryDirectory directory, string name, params string[] hosts)
    {
        directory.Write($"{name}.boot", $"{Guid.NewGuid()}\n");
        directory.Write($"{name}.hosts", string.Join('\n', [.. hosts, string.Empty]));
        return
        [
            "unshare", "--mount", "sh", "-c",
            """
            mount --bind "$1" /proc/sys/kernel/random/boot_id && mount --bind "$2" /etc/hosts || exit
            shift 2
            exec "$@"
            """,
            "sh", Path.Combine(directory.Root, $"{name}.boot"), Path.Combine(directory.Root, $"{name}.hosts"),
        ];
    }
}
