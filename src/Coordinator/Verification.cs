namespace RnnLm.Coordinator;

/// <summary>
/// Every so many steps one range is computed a second time, by another worker, and the two are compared to the bit: a
/// machine that computes wrongly shows. The second result never enters the sum, and the step is not committed before
/// the comparison is done, or nobody is left who could do it.
/// </summary>
/// <param name="settings">How often, and the seed that with the step chooses the range.</param>
/// <param name="roster">Who works.</param>
/// <param name="assignment">Who computes what.</param>
/// <param name="outbox">Takes what is to be done.</param>
internal sealed class Verification(
    CoordinatorSettings settings, Roster roster, Assignment assignment, Outbox outbox)
{
    private readonly HashSet<ActorId> _asked = [];
    private First? _first;
    private long? _settled;
    private bool _hasSaidNo;

    /// <summary>Whether the step is due and not compared yet.</summary>
    public bool IsOpen(long step) =>
        settings.VerifyEvery > 0 && step % settings.VerifyEvery == 0 && step != _settled;

    /// <summary>Whether a range of a step is the one to compare: it has the shard that seed and step choose.</summary>
    public bool Concerns(StepInProgress step, ShardRange range)
    {
        if (!IsOpen(step.Step))
        {
            return false;
        }

        uint chosen = new CounterRandom(settings.Seed, RandomPurpose.Verification, (ulong)step.Step).Bits32(0);
        return range.Contains(new ShardRange((int)(chosen % (uint)step.ShardCount), 1));
    }

    /// <summary>Remembers the result that the step goes on with; a larger range can take its place.</summary>
    public void Begin(StepInProgress step, RangeResult result, string digest)
    {
        step.EndComparison();
        _asked.Clear();
        _first = new First(result.Worker, roster.Find(result.Worker)?.SelfTestHash, result.Range, digest);
    }

    /// <summary>Whether a result is the one that was asked for to compare.</summary>
    public bool IsSecond(StepInProgress step, RangeResult result) =>
        result.Incarnation == settings.Incarnation && step.ComparedBy == result.Worker &&
        _first?.Range == result.Range && step.IsOfTheseTokens(result);

    /// <summary>Compares the second result.</summary>
    /// <returns>Null when they are equal, else the two workers.</returns>
    public ResultsDiffer? Compare(StepInProgress step, RangeDigested second)
    {
        var first = _first!;
        var worker = second.Result.Worker;
        bool isSame = first.Digest == second.Digest;
        step.EndComparison();
        Forget();
        if (isSame)
        {
            _settled = step.Step;
            outbox.Report(new RangeVerified(step.Step, first.Range, first.Worker, worker));
            return null;
        }

        var differ = new ResultsDiffer(step.Step, first.Range, first.Worker, worker);
        outbox.Report(differ);
        return differ;
    }

    /// <summary>Sees to it that somebody computes the range a second time, as long as there is anybody.</summary>
    public void Advance(StepInProgress step, DateTimeOffset now)
    {
        if (_first is not { } first || (step.ComparedBy is { } asked && roster.Find(asked) is { IsLate: false }))
        {
            return;
        }

        var second = roster.Members.FirstOrDefault(member =>
            !member.IsLate && member.Id != first.Worker && member.SelfTestHash == first.SelfTestHash &&
            !_asked.Contains(member.Id));
        if (second is not null)
        {
            _asked.Add(second.Id);
            assignment.AskToCompare(step, second, first.Range, now);
        }
        else if (step.ComparedBy is null)
        {
            _settled = step.Step;
            Forget();
            if (!_hasSaidNo)
            {
                outbox.Report(new NotVerified(step.Step));
            }

            _hasSaidNo = true;
        }
    }

    private void Forget()
    {
        _first = null;
        _asked.Clear();
    }

    /// <summary>The result that the step goes on with.</summary>
    /// <param name="Worker">Who computed it.</param>
    /// <param name="SelfTestHash">Of that worker: one that rounds differently would differ without being wrong.</param>
    /// <param name="Range">Which shards.</param>
    /// <param name="Digest">Of its sum.</param>
    private sealed record First(ActorId Worker, string? SelfTestHash, ShardRange Range, string Digest);
}
