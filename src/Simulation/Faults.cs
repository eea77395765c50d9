namespace RnnLm.Simulation;

/// <summary>What can go wrong in a simulation; <c>--faults</c> names them.</summary>
[Flags]
public enum Faults
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Messages take seconds now and then.</summary>
    Delay = 1 << 0,

    /// <summary>Messages are lost.</summary>
    Loss = 1 << 1,

    /// <summary>Messages arrive twice.</summary>
    Duplicate = 1 << 2,

    /// <summary>Messages overtake each other.</summary>
    Reorder = 1 << 3,

    /// <summary>Two processes do not reach each other for a while, or only one the other.</summary>
    Partition = 1 << 4,

    /// <summary>A process stands still for a while and goes on as if nothing had been (SIGSTOP, a paused
    /// machine).</summary>
    Freeze = 1 << 5,

    /// <summary>A process is killed; another takes its place later.</summary>
    Kill = 1 << 6,

    /// <summary>Another coordinator takes the run over while the old one still runs and writes.</summary>
    Move = 1 << 7,

    /// <summary>Workers are said to be gone that live, and those that died are long said to live.</summary>
    Reachability = 1 << 8,

    /// <summary>Clocks run fast and slow.</summary>
    Clocks = 1 << 9,

    /// <summary>Devices are slow for a while, or hang.</summary>
    Slow = 1 << 10,

    /// <summary>Workers join late and leave.</summary>
    Membership = 1 << 11,

    /// <summary>Operations on files fail and the disk is full for a while.</summary>
    Disk = 1 << 12,

    /// <summary>The power of the disk's machine fails: what was not synced is lost, torn or reordered.</summary>
    Power = 1 << 13,

    /// <summary>SIGTERM, and a resume later.</summary>
    Stop = 1 << 14,

    /// <summary>Devices fail on ranges and pieces, a few of them on most.</summary>
    Error = 1 << 15,

    /// <summary>A shard or a piece of the validation text fails on whatever device.</summary>
    Poison = 1 << 16,

    /// <summary>A device computes wrongly, where a comparison can find it out.</summary>
    Mismatch = 1 << 17,

    /// <summary>Machines that round differently want to work.</summary>
    Foreign = 1 << 18,

    /// <summary>A step's loss and gradient are not finite.</summary>
    Divergence = 1 << 19,

    /// <summary>A worker gets other tokens than it was sent.</summary>
    Garble = 1 << 20,

    /// <summary>Devices are lost, and their workers with them.</summary>
    Device = 1 << 21,

    /// <summary>Fetches of parameters and gradients stall, break off, and bring wrong bytes.</summary>
    Bulk = 1 << 22,

    /// <summary>Everything.</summary>
    All = (1 << 23) - 1,
}
