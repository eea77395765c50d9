using RnnLm.Storage;

namespace RnnLm.Simulation;

/// <summary>
/// A disk in memory that all processes share. It knows what was synced: when its power fails, changes of a directory
/// that were not are lost, all after some point or single ones out of order, and files that were not are as they were,
/// as they are, or torn.
/// </summary>
internal sealed class SimulatedDisk(World world)
{
    /// <summary>Where the run lies.</summary>
    public const string Run = "/run";

    private static readonly TimeSpan s_quick = TimeSpan.FromMicroseconds(50);
    private static readonly TimeSpan s_slow = TimeSpan.FromSeconds(10);

    private readonly DirectoryNode _root = new();
    private readonly Dictionary<string, SimulatedProcess> _locks = [];
    private TimeSpan _failsUntil;

    /// <summary>The highest incarnation that has, or had, the run.</summary>
    public long HighestLease => Find(Run) is DirectoryNode run
        ? run.Entries.Keys.Where(name => name.StartsWith("lease.", StringComparison.Ordinal))
            .Max(name => long.TryParse(name["lease.".Length..], out long incarnation) ? incarnation : 0)
        : 0;

    /// <summary>Some operations fail for a while.</summary>
    public void FailFor(TimeSpan time)
    {
        _failsUntil = world.Time.Now + time;
        world.Note("disk", $"fails for {time.TotalSeconds:F1} s");
    }

    /// <summary>Before an operation time may go by, in which the process may die.</summary>
    public void Before(SimulatedProcess process)
    {
        if (Fiber.Current is null)
        {
            return;
        }

        process.RequireLife();
        if (world.Dice.Chance(0.1))
        {
            process.Sleep(world.Dice.Between(s_quick, world.Dice.Chance(0.1) ? s_slow : s_quick * 1000));
        }
    }

    /// <summary>Throws when it is time for an operation to fail.</summary>
    public void MayFail(SimulatedProcess process, FileOperation operation, string path)
    {
        if (Fiber.Current is not null && world.Time.Now < _failsUntil && world.Dice.Chance(0.2))
        {
            process.HasDiskFailed = true;
            world.Count(nameof(Faults.Disk));
            world.Note(process.Name, $"{operation} {path} fails");
            throw operation != FileOperation.Read && world.Dice.Chance(0.5)
                ? new IOException("No space left on device", 28)
                : new IOException("Input/output error", 5);
        }
    }

    /// <summary>Takes a lock for a process that lives; null when another that lives has it.</summary>
    public IDisposable? TryLock(SimulatedProcess process, string path)
    {
        if (world.Scenario.HasLocks && _locks.TryGetValue(path, out var holder) && holder.IsAlive)
        {
            return null;
        }

        _locks[path] = process;
        return new HeldLock(() =>
        {
            if (_locks.GetValueOrDefault(path) == process)
            {
                _locks.Remove(path);
            }
        });
    }

    public Node? Find(string path)
    {
        Node? node = _root;
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            node = (node as DirectoryNode)?.Entries.GetValueOrDefault(name);
        }

        return node;
    }

    /// <summary>The directory that a path is in.</summary>
    public DirectoryNode ParentOf(string path) => Find(Path.GetDirectoryName(path)!) as DirectoryNode
        ?? throw new DirectoryNotFoundException($"Could not find a part of the path '{path}'.");

    /// <summary>Power fails, and comes back.</summary>
    public void LosePower()
    {
        world.Note("disk", "has no power");
        LosePower(_root);
        _locks.Clear();
    }

    private void LosePower(DirectoryNode directory)
    {
        directory.LosePower(world);
        foreach (var node in directory.Entries.Values)
        {
            switch (node)
            {
                case DirectoryNode inner:
                    LosePower(inner);
                    break;
                case FileNode file:
                    file.LosePower(world);
                    break;
            }
        }
    }

    private sealed class HeldLock(Action release) : IDisposable
    {
        public void Dispose() => release();
    }
}

/// <summary>What a directory holds under a name.</summary>
internal abstract class Node;

/// <summary>A symbolic link.</summary>
internal sealed class LinkNode(string target) : Node
{
    public string Target => target;
}

/// <summary>A directory, as it is and as it would be after a power failure.</summary>
internal sealed class DirectoryNode : Node
{
    private readonly List<Action<SortedDictionary<string, Node>>> _unsynced = [];
    private SortedDictionary<string, Node> _synced = new(StringComparer.Ordinal);

    public SortedDictionary<string, Node> Entries { get; private set; } = new(StringComparer.Ordinal);

    /// <summary>Changes it; what changes together survives together or not at all.</summary>
    public void Change(Action<SortedDictionary<string, Node>> change)
    {
        change(Entries);
        _unsynced.Add(change);
    }

    public void Sync()
    {
        _synced = new SortedDictionary<string, Node>(Entries, StringComparer.Ordinal);
        _unsynced.Clear();
    }

    public void LosePower(World world)
    {
        var dice = world.Dice;
        Entries = new SortedDictionary<string, Node>(_synced, StringComparer.Ordinal);
        bool inOrder = dice.Chance(0.5);
        int kept = dice.Between(0, _unsynced.Count);
        for (int index = 0; index < _unsynced.Count; index++)
        {
            if (inOrder ? index < kept : dice.Chance(0.5))
            {
                _unsynced[index](Entries);
            }
            else
            {
                world.Count("disk: a change of a directory lost with the power");
            }
        }

        Sync();
    }
}

/// <summary>A file, as it is and as it was when it was synced.</summary>
internal sealed class FileNode : Node
{
    /// <summary>Small, as the files of a simulation are.</summary>
    private const int SectorBytes = 64;

    private static readonly double[] s_kept = [0, 0.5, 0.9, 1];

    private byte[] _synced = [];

    public byte[] Content { get; set; } = [];

    public void Sync() => _synced = Content;

    public void LosePower(World world)
    {
        if (ReferenceEquals(_synced, Content))
        {
            return;
        }

        world.Count("disk: a file torn by the power");
        var dice = world.Dice;

        // Sector by sector the disk has the old bytes or the new ones, and either length; what it never had is zeros.
        int length = dice.Chance(0.5) ? Content.Length : dice.Between(
            Math.Min(_synced.Length, Content.Length), Math.Max(_synced.Length, Content.Length));
        byte[] torn = new byte[length];
        double kept = dice.Of(s_kept);
        for (int begin = 0; begin < length; begin += SectorBytes)
        {
            byte[] source = dice.Chance(kept) ? Content : _synced;
            int end = Math.Min(Math.Min(begin + SectorBytes, source.Length), length);
            if (end > begin)
            {
                source.AsSpan(begin, end - begin).CopyTo(torn.AsSpan(begin));
            }
        }

        Content = torn;
        Sync();
    }
}
