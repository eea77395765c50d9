namespace RnnLm.Coordinator;

/// <summary>
/// Who computes which shards of the step in hand and of the next. None of it changes a bit of the result: the sums are
/// combined along the tree whoever computed them.
/// </summary>
/// <param name="roster">Who works.</param>
/// <param name="incarnation">Of this coordinator.</param>
/// <param name="outbox">Takes what is to be done.</param>
internal sealed class Assignment(Roster roster, long incarnation, Outbox outbox)
{
    private const string LateTimer = "late ranges";
    private readonly SortedDictionary<long, StepInProgress> _steps = [];

    /// <summary>The step of that number, if its tokens are there.</summary>
    public StepInProgress? Find(long step) => _steps.GetValueOrDefault(step);

    /// <summary>Takes in a step whose tokens are there, and divides it.</summary>
    public void Add(StepInProgress step, DateTimeOffset now)
    {
        _steps[step.Step] = step;
        Divide(step, now);
    }

    /// <summary>Forgets a step that was committed.</summary>
    public void Remove(StepInProgress step)
    {
        _steps.Remove(step.Step);
        foreach (var member in roster.Members.Where(member => step.ShardsOf(member.Id) == 0))
        {
            member.Rested();
        }

        outbox.Cancel(LateTimer);
    }

    /// <summary>The step in hand waits for results from now on.</summary>
    public void Begin(StepInProgress step, DateTimeOffset now)
    {
        foreach (var member in roster.Members.Where(member => step.MissingOf(member.Id).Count > 0))
        {
            member.GivenWork(now);
        }

        WatchTheTime(step, now);
    }

    /// <summary>Wakes up when the next worker can be late; one alone in time has nobody who would help.</summary>
    public void WatchTheTime(StepInProgress step, DateTimeOffset now)
    {
        var inTime = roster.Members.Where(member => !member.IsLate).ToArray();
        if (inTime.Length > 1 && inTime.Min(member => DueOf(step, member)) is { } due)
        {
            outbox.Timer(LateTimer, due > now ? due - now : TimeSpan.Zero, new LateCheck(step.Step));
        }
    }

    /// <summary>
    /// When a worker is late with what it owes of a step; null when it owes nothing or its speed is not known.
    /// </summary>
    public DateTimeOffset? DueOf(StepInProgress step, Member member) =>
        step.MissingOf(member.Id).Sum(range => range.Length) is var owed and > 0 ? roster.LateAt(member, owed) : null;

    /// <summary>
    /// Gives a newcomer its share; of the step in hand only what nobody in time computes. Until anybody's speed is
    /// known nobody can be late, so what another was asked it then computes too.
    /// </summary>
    public void Welcome(Member newcomer, long current, DateTimeOffset now)
    {
        foreach (var (number, step) in _steps)
        {
            if (number > current)
            {
                step.ClearAssignments();
            }

            Divide(step, now);
            if (number == current && !roster.Members.Any(member => member.IsMeasured) &&
                step.MissingOf(newcomer.Id).Count == 0)
            {
                var members = roster.InTime;
                var shares = members.Zip(ShardDivision.Divide(0, step.ShardCount, Roster.Speeds(members)));
                var share = shares.Single(share => share.First == newcomer).Second;
                Give(step, newcomer, [.. share.Where(range => !step.Tree.IsCovered(range))], now);
                Tell(step);
            }
        }
    }

    /// <summary>Gives the ranges of a worker that is gone to the others.</summary>
    public void Withdraw(ActorId worker, DateTimeOffset now)
    {
        foreach (var step in _steps.Values)
        {
            step.Withdraw(worker);
        }

        DivideAgain(now);
    }

    /// <summary>Divides anew, among those who are in time, what is asked only of workers that are late.</summary>
    public void DivideAgain(DateTimeOffset now)
    {
        foreach (var step in _steps.Values)
        {
            Divide(step, now);
        }
    }

    /// <summary>Asks a worker for what it owes of the step in hand once more.</summary>
    public void AskAgain(Member member, long current)
    {
        if (Find(current) is { } step)
        {
            step.AskAgain(member.Id);
            Tell(step);
        }
    }

    /// <summary>Asks a worker for a range of the step in hand that another has computed.</summary>
    public void AskToCompare(StepInProgress step, Member member, ShardRange range, DateTimeOffset now)
    {
        step.AskToCompare(member.Id, range);
        member.GivenWork(now);
        Tell(step);
        WatchTheTime(step, now);
    }

    /// <summary>Computes a step anew.</summary>
    public void Restart(StepInProgress step, DateTimeOffset now)
    {
        step.Restart();
        Divide(step, now);
        WatchTheTime(step, now);
    }

    /// <summary>Divides among those who are in time whatever neither came back nor is asked of one of them.</summary>
    private void Divide(StepInProgress step, DateTimeOffset now)
    {
        var members = roster.InTime;
        if (members.Count == 0)
        {
            return;
        }

        var speeds = Roster.Speeds(members);
        foreach (var (start, end) in step.RunsNotAskedOf(members.Select(member => member.Id)))
        {
            var shares = members.Zip(ShardDivision.Divide(start, end, speeds));
            foreach (var (member, ranges) in shares.Where(share => share.Second.Count > 0))
            {
                Give(step, member, ranges, now);
            }
        }

        foreach (int shard in step.Suspects)
        {
            var able = step.AbleTo(shard, members);
            able = able.Count > 0 ? able : step.AbleTo(shard, [.. roster.Members]);
            if (able.Count > 0 && !able.Any(member => step.IsAskedOf(member.Id, shard)))
            {
                Give(step, able[shard % able.Count], [new ShardRange(shard, 1)], now);
            }
        }

        Tell(step);
    }

    private void Give(StepInProgress step, Member member, IReadOnlyList<ShardRange> ranges, DateTimeOffset now)
    {
        step.Assign(member.Id, ranges);
        if (step == _steps.Values.First())
        {
            member.GivenWork(now);
        }
    }

    private void Tell(StepInProgress step)
    {
        foreach (var (worker, message) in step.Changes(incarnation))
        {
            outbox.Send(worker, message);
        }
    }
}
