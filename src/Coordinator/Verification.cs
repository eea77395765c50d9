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
    private RangeDigested? _first;

    /// <summary>The step that needs no comparison any more, and what was compared; null when nobody could.</summary>
    private (long Step, ShardRange? Range)? _settled;
    private bool _hasSaidNo;

    /// <summary>Whether the step is due and not compared yet.</summary>
    public bool IsOpen(long step) =>
        settings.VerifyEvery > 0 && step % settings.VerifyEvery == 0 && step != _settled?.Step;

    /// <summary>Whether a range of a step is the one to compare: it has the chosen shard, and more than what was
    /// compared already.</summary>
    public bool Concerns(StepInProgress step, ShardRange range)
    {
        bool isMore = _settled is var (settled, compared) && settled == step.Step &&
            compared is { } less && range != less && range.Contains(less);
        return (IsOpen(step.Step) || isMore) && range.Contains(Chosen(settings.Seed, step.Step, step.ShardCount));
    }

    /// <summary>The shard that seed and step choose.</summary>
    public static ShardRange Chosen(long seed, long step, int shards)
    {
        uint chosen = new CounterRandom(seed, RandomPurpose.Verification, (ulong)step).Bits32(0);
        return new ShardRange((int)(chosen % (uint)shards), 1);
    }

    /// <summary>Remembers the result that the step goes on with; a larger range can take its place.</summary>
    public void Begin(StepInProgress step, RangeDigested first)
    {
        step.EndComparison();
        _settled = null;
        _first = first;
    }

    /// <summary>Whether a result is the one that was asked for to compare.</summary>
    public bool IsSecond(StepInProgress step, RangeResult result) =>
        result.Incarnation == settings.Incarnation && step.ComparedBy == result.Worker &&
        _first?.Result.Range == result.Range && step.IsOfTheseTokens(result);

    /// <summary>Compares the second result.</summary>
    /// <returns>Null when they are equal, else the two workers.</returns>
    public ResultsDiffer? Compare(StepInProgress step, RangeDigested second)
    {
        var first = _first!;
        var worker = second.Result.Worker;
        bool isSame = first.Digest == second.Digest;
        step.EndComparison();
        _first = null;
        if (isSame)
        {
            _settled = (step.Step, first.Result.Range);
            outbox.Report(new RangeVerified(step.Step, first.Result.Range, first.Result.Worker, worker));
            return null;
        }

        var differ = new ResultsDiffer(step.Step, first.Result.Range, first.Result.Worker, worker);
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
            !member.IsLate && member.Id != first.Result.Worker && member.SelfTestHash == first.SelfTestHash &&
            !step.WasAskedToCompare(member.Id));
        if (second is not null)
        {
            assignment.AskToCompare(step, second, first.Result.Range, now);
        }
        else if (step.ComparedBy is null)
        {
            _settled = (step.Step, null);
            _first = null;
            outbox.Report(new NotVerified(step.Step, IsFirst: !_hasSaidNo));
            _hasSaidNo = true;
        }
    }
}
