namespace RnnLm.Coordinator;

/// <summary>
/// Workers join, leave, are late, fall silent and come back. The flat rule for time: who is later than twice what was
/// expected of him, and than a quarter of a second, is late, and the others compute his ranges too; the first result
/// wins. Who owes something and stays silent is asked again, then given up, called back and welcome. Who fails step
/// after step, or computes wrongly, is expelled. Without workers the run waits, and where nobody is left who could
/// come it ends.
/// </summary>
/// <param name="settings">How to run.</param>
/// <param name="roster">Who works.</param>
/// <param name="assignment">Who computes what.</param>
/// <param name="evaluation">Who evaluates what.</param>
/// <param name="outbox">Takes what is to be done.</param>
/// <param name="publish">Sends a worker the version in hand.</param>
/// <param name="stop">Ends the run: exit code, what to say of the version that was saved last, cause.</param>
internal sealed class Workforce(
    CoordinatorSettings settings,
    Roster roster,
    Assignment assignment,
    Evaluation evaluation,
    Outbox outbox,
    Action<Member> publish,
    Action<ExitCode, Func<long, string>, Exception?> stop)
{
    private const string SilenceTimer = "silence";
    private const string NobodyTimer = "nobody";

    /// <summary>Steps in a row in which ranges of a worker failed that others computed: it is broken.</summary>
    private const int MostFailedSteps = 3;

    private string? _selfTestHash = settings.ExpectedSelfTest;
    private string? _whyNobody;

    /// <summary>Those who wait until there are as many as the run begins with.</summary>
    private readonly SortedDictionary<string, Join> _early = new(StringComparer.Ordinal);
    private bool _hasBegun;
    private readonly HashSet<ActorId> _expelled = [];
    private readonly HashSet<ActorId> _gone = [];

    /// <summary>Those who have joined or gone.</summary>
    private readonly HashSet<ActorId> _known = [];
    private DateTimeOffset _began;

    /// <summary>The run begins to wait for workers.</summary>
    public void Begin(DateTimeOffset now)
    {
        _began = now;
        Wait();
    }

    /// <summary>Takes in that a worker said something; true when there was nobody, and it had been given up and works
    /// again.</summary>
    public bool Hear(ActorId worker, long version, DateTimeOffset now)
    {
        bool wasLate = roster.Find(worker) is { IsLate: true };
        bool isFirst = roster.Members.Count == 0;
        bool isBack = roster.Hear(worker, now);
        if (isBack)
        {
            Welcome(roster.Find(worker)!, version, isFirst, now);
        }
        else if (wasLate)
        {
            // Those who are still late have somebody in time beside them again.
            assignment.DivideAgain(now);
            WatchTheTime(version, now);
        }

        return isBack && isFirst;
    }

    /// <summary>Takes a worker in, or refuses one that rounds differently from the run's; true when there was nobody
    /// and now is somebody.</summary>
    public bool OnJoin(Join join, long version, DateTimeOffset now)
    {
        if (IsExpelled(join.Worker))
        {
            outbox.Send(join.Worker, new Dismiss(settings.Incarnation));
            return false;
        }

        _selfTestHash ??= join.SelfTestHash;
        if (join.SelfTestHash != _selfTestHash && !settings.AllowMixed)
        {
            if (roster.Remove(join.Worker))
            {
                // What is sent under that name now reaches a machine that must not compute it.
                Lose(join.Worker, "is gone", "another machine has its name", now);
            }

            _whyNobody = $"{join.Worker} rounds differently from the machines that the run began on " +
                "(--allow-mixed lets it work all the same)";
            outbox.Report(new WorkerRefused(join.Worker, join.SelfTestHash, _selfTestHash));
            outbox.Send(join.Worker, new Dismiss(settings.Incarnation));
            return false;
        }

        // A member that joins again was started anew and knows nothing of what it was asked.
        _gone.Remove(join.Worker);
        _known.Add(join.Worker);
        roster.Remove(join.Worker);
        Withdraw(join.Worker, now);
        bool isFirst = roster.Members.Count == 0;
        _early[join.Worker.Name] = join;
        if (!_hasBegun && _early.Count < settings.MinWorkers)
        {
            outbox.Report(new WaitingForWorkers(_early.Count, settings.MinWorkers));
            return false;
        }

        _hasBegun = true;
        Member[] newcomers =
        [
            .. _early.Values.Select(early => roster.Add(early.Worker, early.Threads, early.SelfTestHash, now)),
        ];
        _early.Clear();
        foreach (var newcomer in newcomers)
        {
            Welcome(newcomer, version, isFirst && newcomer == newcomers[0], now);
        }

        return isFirst;
    }

    /// <summary>A worker is gone for good.</summary>
    public void OnTerminated(Terminated terminated, DateTimeOffset now)
    {
        _gone.Add(terminated.Actor);
        _known.Add(terminated.Actor);
        _early.Remove(terminated.Actor.Name);
        string reason = terminated.Failure?.Message ?? "it stopped";
        _whyNobody = terminated.Failure is null && _whyNobody is not null ? _whyNobody : reason.TrimEnd('.');
        if (roster.Remove(terminated.Actor))
        {
            outbox.Report(new WorkerLost(terminated.Actor, reason));
            Withdraw(terminated.Actor, now);
        }

        if (roster.Members.Count == 0)
        {
            Wait(terminated.Failure);
        }
    }

    /// <summary>Whether a worker was expelled: nothing it says counts any more.</summary>
    public bool IsExpelled(ActorId worker) => _expelled.Contains(worker);

    /// <summary>Takes in who worked for a step that is committed: who fails step after step is broken.</summary>
    public void OnCommitted(StepInProgress step, DateTimeOffset now)
    {
        var worked = roster.Members
            .Where(member => step.HasResultOf(member.Id) || step.CauseOn(member.Id) is not null)
            .ToArray();
        foreach (var member in worked)
        {
            // What a worker alone failed on and then computed is no fault of its own.
            string? cause = worked.Length > 1 ? step.CauseOn(member.Id) : null;
            member.HasWorked(hasFailed: cause is not null);
            if (member.FailedSteps >= MostFailedSteps && roster.Members.Count > 1)
            {
                Expel(member.Id, $"it failed in {MostFailedSteps} steps in a row: {cause}", now);
            }
        }
    }

    /// <summary>All workers that there are; null while others may be on their way, for as long as a self-test can
    /// take, or come back.</summary>
    public IReadOnlyCollection<ActorId>? All(DateTimeOffset now)
    {
        bool haveAllCome = _known.Count >= settings.WorkerLimit || now - _began >= Roster.FirstSilence;
        return haveAllCome && !roster.MayComeBack(now) ? [.. roster.Members.Select(member => member.Id)] : null;
    }

    /// <summary>Takes a worker out of the run for good.</summary>
    public void Expel(ActorId worker, string reason, DateTimeOffset now)
    {
        _expelled.Add(worker);
        _gone.Add(worker);
        outbox.Send(worker, new Dismiss(settings.Incarnation));
        if (roster.Remove(worker))
        {
            Lose(worker, "is expelled", reason, now);
        }
    }

    /// <summary>Looks who is late by now.</summary>
    public void OnLateCheck(LateCheck check, long version, DateTimeOffset now)
    {
        if (check.Step != version || assignment.Find(version) is not { } step)
        {
            return;
        }

        var late = roster.Members.Where(member => !member.IsLate && assignment.DueOf(step, member) <= now);
        foreach (var member in late.ToArray())
        {
            Late(member, version, now);
        }

        WatchTheTime(version, now);
    }

    /// <summary>Looks who has been silent: the question or the parameters were lost, or the worker hangs.</summary>
    public void OnSilenceCheck(long version, DateTimeOffset now)
    {
        var silent = roster.Members.Where(member => Owes(member, version) && now - member.Since >= roster.Silence);
        foreach (var member in silent.ToArray())
        {
            if (member.WasAskedAgain)
            {
                GiveUp(member, now);
            }
            else
            {
                AskAgain(member, version, now);
            }
        }

        // All that one of them said may have been lost.
        foreach (var worker in roster.GivenUp)
        {
            outbox.Send(worker, new Recall(settings.Incarnation));
        }

        if (roster.Members.Count + roster.GivenUp.Count > 0)
        {
            outbox.Timer(SilenceTimer, Roster.SilenceCheck, new SilenceCheck());
        }
    }

    /// <summary>There has been no worker for as long as one is waited for.</summary>
    public void OnNobodyCame()
    {
        if (settings.WorkerLimit is null)
        {
            Wait();
            return;
        }

        stop(
            ExitCode.Cluster,
            version => $"no worker came within {Roster.FirstSilence.TotalMinutes:F0} min at step {version}: " +
                $"{_whyNobody ?? "none has finished its self-test"}; resume the run when the cause is mended",
            null);
    }

    /// <summary>Without workers the run waits; where all that there will ever be are gone, it ends.</summary>
    private void Wait(Exception? cause = null)
    {
        if (_gone.Count >= settings.WorkerLimit)
        {
            stop(
                ExitCode.Cluster,
                version => $"no worker is left at step {version}: {_whyNobody}; resume when the cause is mended",
                cause);
            return;
        }

        outbox.Report(new WaitingForWorkers(0, _hasBegun ? 1 : settings.MinWorkers));
        outbox.Timer(NobodyTimer, Roster.FirstSilence, new NobodyCame());
    }

    /// <summary>Nobody can have begun the next step, so a newcomer gets its share of it at once.</summary>
    private void Welcome(Member member, long version, bool isFirst, DateTimeOffset now)
    {
        outbox.Report(new WorkerJoined(member.Id, member.Threads, member.SelfTestHash));
        publish(member);
        assignment.Welcome(member, version, now);
        WatchTheTime(version, now);
        if (isFirst)
        {
            outbox.Cancel(NobodyTimer);
            outbox.Timer(SilenceTimer, Roster.SilenceCheck, new SilenceCheck());
        }
    }

    /// <summary>The others compute the ranges of a late worker too; it gets no more work until it answers.</summary>
    private void Late(Member member, long version, DateTimeOffset now)
    {
        member.Late();
        outbox.Report(new RangesLate(version, member.Id));
        assignment.DivideAgain(now);
    }

    private void WatchTheTime(long version, DateTimeOffset now)
    {
        if (assignment.Find(version) is { } step)
        {
            assignment.WatchTheTime(step, now);
        }
    }

    private void AskAgain(Member member, long version, DateTimeOffset now)
    {
        outbox.Report(new ResultsOverdue(version, member.Id, now - member.Since));
        Late(member, version, now);
        roster.Stalled();
        publish(member);
        evaluation.Withdraw(member.Id);
        member.AskedAgain(now);
        assignment.AskAgain(member, version);
    }

    private void GiveUp(Member member, DateTimeOffset now)
    {
        string reason = $"it said nothing for {(now - member.Since).TotalSeconds:F0} s after it had been asked again";
        roster.GiveUp(member);
        Lose(member.Id, "is given up", reason, now);
    }

    private void Lose(ActorId worker, string how, string reason, DateTimeOffset now)
    {
        _whyNobody = $"{worker} {how}: {reason}";
        outbox.Report(new WorkerLost(worker, reason));
        Withdraw(worker, now);
        if (roster.Members.Count == 0)
        {
            Wait();
        }
    }

    private void Withdraw(ActorId worker, DateTimeOffset now)
    {
        assignment.Withdraw(worker, now);
        evaluation.Withdraw(worker);
    }

    private bool Owes(Member member, long version) => member.IsLate || evaluation.IsOwedBy(member.Id) ||
        assignment.Find(version)?.MissingOf(member.Id).Count > 0;
}
