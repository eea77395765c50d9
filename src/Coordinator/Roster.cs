namespace RnnLm.Coordinator;

/// <summary>
/// The workers that have joined and live, in the order of their names, how fast they are, and by when they must answer.
/// </summary>
public sealed class Roster
{
    /// <summary>A worker is late no earlier than this, so that a pause of the machine is no lateness.</summary>
    public static readonly TimeSpan ShortestLateness = TimeSpan.FromMilliseconds(250);

    /// <summary>How often silence is looked for.</summary>
    public static readonly TimeSpan SilenceCheck = TimeSpan.FromSeconds(15);

    /// <summary>Until a step was measured: the slowest machine's first step on the largest model, with room.</summary>
    public static readonly TimeSpan FirstSilence = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan ShortestSilence = TimeSpan.FromSeconds(30);

    /// <summary>A worker is late when it takes this many times as long as expected.</summary>
    private const double LatenessFactor = 2;

    /// <summary>A worker is silent when it takes this many times as long as the slowest step of late.</summary>
    private const double SilenceFactor = 10;

    /// <summary>What each step leaves of the slowest step's time.</summary>
    private const double Memory = 0.9;

    private readonly SortedDictionary<string, Member> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<ActorId, Member> _givenUp = [];
    private TimeSpan _slowestStep;
    private bool _isStalled;

    /// <summary>All members.</summary>
    public IReadOnlyCollection<Member> Members => _members.Values;

    /// <summary>All members, and those who were given up and may still come back.</summary>
    public IEnumerable<ActorId> Everyone => _members.Values.Select(member => member.Id).Concat(_givenUp.Keys);

    /// <summary>Those who were given up and may still come back.</summary>
    public IReadOnlyCollection<ActorId> GivenUp => _givenUp.Keys;

    /// <summary>Those who are not late; all of them when everybody is.</summary>
    public IReadOnlyList<Member> InTime =>
        _members.Values.Where(member => !member.IsLate).ToArray() is { Length: > 0 } inTime ? inTime : [.. Members];

    /// <summary>How long a worker that owes something may say nothing.</summary>
    public TimeSpan Silence => _slowestStep == TimeSpan.Zero
        ? FirstSilence
        : TimeSpan.FromTicks(Math.Max(ShortestSilence.Ticks, (_slowestStep * SilenceFactor).Ticks));

    /// <summary>Whether one that was given up was asked so lately that it may still answer.</summary>
    public bool MayComeBack(DateTimeOffset now) => _givenUp.Values.Any(member => now - member.Since < FirstSilence);

    /// <summary>Adds a worker that is no member.</summary>
    public Member Add(ActorId id, int threads, string selfTestHash, DateTimeOffset now) =>
        _members[id.Name] = new Member(id, threads, selfTestHash, now);

    /// <summary>Removes a worker that is gone for good; false when it was no member.</summary>
    public bool Remove(ActorId id)
    {
        _givenUp.Remove(id);
        return _members.Remove(id.Name);
    }

    /// <summary>Removes a silent worker; when it is heard of again it is back.</summary>
    public void GiveUp(Member member)
    {
        ArgumentNullException.ThrowIfNull(member);
        _members.Remove(member.Id.Name);
        _givenUp[member.Id] = member;
    }

    /// <summary>Takes in that a worker said something; true when it had been given up and is back.</summary>
    public bool Hear(ActorId id, DateTimeOffset now)
    {
        bool isBack = _givenUp.Remove(id, out var member) && _members.TryAdd(id.Name, member);
        Find(id)?.Answered(now);
        return isBack;
    }

    /// <summary>The member of that address, or null.</summary>
    public Member? Find(ActorId id) => _members.GetValueOrDefault(id.Name);

    /// <summary>Takes in that somebody was asked again: the step's time is no measure.</summary>
    public void Stalled() => _isStalled = true;

    /// <summary>Takes in how long the workers took for a step.</summary>
    public void Measure(TimeSpan step)
    {
        var remembered = _slowestStep * Memory;
        _slowestStep = _isStalled ? _slowestStep : step > remembered ? step : remembered;
        _isStalled = false;
    }

    /// <summary>
    /// Speeds of members, in their order. Until all are measured the numbers of threads stand for them, so that numbers
    /// of two kinds are never compared.
    /// </summary>
    public static IReadOnlyList<double> Speeds(IReadOnlyList<Member> members)
    {
        bool allMeasured = members.All(member => member.IsMeasured);
        return [.. members.Select(member => allMeasured ? member.Speed : member.Threads)];
    }

    /// <summary>
    /// When a member that owes so many shards is late. One that was not measured yet is expected to be like the others,
    /// thread for thread; null while none was.
    /// </summary>
    public DateTimeOffset? LateAt(Member member, int shards)
    {
        ArgumentNullException.ThrowIfNull(member);
        var measured = Members.Where(other => other.IsMeasured);
        double speed = member.IsMeasured
            ? member.Speed
            : member.Threads * measured.Select(other => other.Speed / other.Threads).DefaultIfEmpty().Average();
        double expected = LatenessFactor * shards / speed;
        double seconds = Math.Clamp(expected, ShortestLateness.TotalSeconds, Silence.TotalSeconds);
        return speed > 0 ? member.Since + TimeSpan.FromSeconds(seconds) : null;
    }
}

/// <summary>What the coordinator knows of one worker that has joined.</summary>
/// <param name="id">Its address.</param>
/// <param name="threads">Shards it computes side by side.</param>
/// <param name="selfTestHash">Of its self-test.</param>
/// <param name="joined">When it joined.</param>
public sealed class Member(ActorId id, int threads, string selfTestHash, DateTimeOffset joined)
{
    /// <summary>Weight of the newest measurement in the speed; the rest is memory of earlier steps.</summary>
    private const double NewestWeight = 0.3;

    private double _measured;

    /// <summary>The share of its measured speed that it is thought to have after it was late.</summary>
    private double _trust = 1;

    /// <summary>Its address.</summary>
    public ActorId Id { get; } = id;

    /// <summary>Shards it computes side by side.</summary>
    public int Threads { get; } = threads;

    /// <summary>Of its self-test.</summary>
    public string SelfTestHash { get; } = selfTestHash;

    /// <summary>Shards a second that it is expected to compute, once measured.</summary>
    public double Speed => _measured * _trust;

    /// <summary>Whether <see cref="Speed"/> was measured.</summary>
    public bool IsMeasured => _measured > 0;

    /// <summary>When it last answered or was given work: its silence counts from here.</summary>
    public DateTimeOffset Since { get; private set; } = joined;

    /// <summary>Whether it owes an answer that others now compute too; until it comes it gets no more work.</summary>
    public bool IsLate { get; private set; }

    /// <summary>Whether what it owes was asked of it again.</summary>
    public bool WasAskedAgain { get; private set; }

    /// <summary>Takes in that it said something.</summary>
    public void Answered(DateTimeOffset now) => (Since, IsLate, WasAskedAgain) = (now, false, false);

    /// <summary>Takes in that it was given work.</summary>
    public void GivenWork(DateTimeOffset now) => Since = IsLate ? Since : now;

    /// <summary>Takes in that it is late: it is at best half as fast as was thought.</summary>
    public void Late() => (IsLate, _trust) = (true, IsLate ? _trust : _trust / 2);

    /// <summary>Takes in a step that had no work for it: it is tried again before long.</summary>
    public void Rested() => _trust = IsLate ? _trust : Math.Min(1, 2 * _trust);

    /// <summary>Takes in that it was asked again. It gets work once more, so that it has something to answer.</summary>
    public void AskedAgain(DateTimeOffset now) => (Since, IsLate, WasAskedAgain) = (now, false, true);

    /// <summary>Steps in a row in which something failed on it that others computed.</summary>
    public int FailedSteps { get; private set; }

    /// <summary>Takes in that a step was committed for which it has worked.</summary>
    public void HasWorked(bool hasFailed) => FailedSteps = hasFailed ? FailedSteps + 1 : 0;

    /// <summary>Takes in how long it needed for so many shards.</summary>
    public void Measure(int shards, TimeSpan elapsed)
    {
        if (shards > 0 && elapsed > TimeSpan.Zero)
        {
            double newest = shards / elapsed.TotalSeconds;
            _measured = IsMeasured ? (NewestWeight * newest) + ((1 - NewestWeight) * Speed) : newest;
            _trust = 1;
        }
    }
}
