namespace RnnLm.Shared;

/// <summary>The address of an actor inside one run: <c>coordinator</c>, <c>worker-0</c>, …</summary>
public readonly record struct ActorId(string Name)
{
    /// <summary>The one coordinator of a run.</summary>
    public static ActorId Coordinator { get; } = new("coordinator");

    /// <summary>Worker number <paramref name="index"/> of this process.</summary>
    public static ActorId Worker(int index) => new($"worker-{index}");

    /// <inheritdoc/>
    public override string ToString() => Name;
}
