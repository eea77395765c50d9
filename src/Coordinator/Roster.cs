namespace RnnLm.Coordinator;

/// <summary>The workers that have joined and live, in the order of their names.</summary>
public sealed class Roster
{
    private readonly SortedDictionary<string, WorkerMember> _members = new(StringComparer.Ordinal);

    /// <summary>All members.</summary>
    public IReadOnlyCollection<WorkerMember> Members => _members.Values;

    /// <summary>Number of members.</summary>
    public int Count => _members.Count;

    /// <summary>Adds a worker; false when it is a member already.</summary>
    public bool Add(ActorId id, int threads) => _members.TryAdd(id.Name, new WorkerMember(id, threads));

    /// <summary>Removes a worker; false when it was none.</summary>
    public bool Remove(ActorId id) => _members.Remove(id.Name);

    /// <summary>The member of that address, or null.</summary>
    public WorkerMember? Find(ActorId id) => _members.GetValueOrDefault(id.Name);

    /// <summary>
    /// Speeds in the order of <see cref="Members"/>. Until all are measured the numbers of threads stand for them, so that numbers of two kinds are
    /// never compared.
    /// </summary>
    public IReadOnlyList<double> Speeds()
    {
        bool allMeasured = _members.Values.All(member => member.IsMeasured);
        return [.. _members.Values.Select(member => allMeasured ? member.Speed : member.Threads)];
    }
}
