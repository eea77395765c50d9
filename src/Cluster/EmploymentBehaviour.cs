using Google.Protobuf;
using RnnLm.Worker;

namespace RnnLm.Cluster;

/// <summary>Send to the registry of jobs, wherever it is.</summary>
internal sealed record ToRegistry(IMessage Body) : Effect;

/// <summary>Apply to a coordinator.</summary>
/// <param name="Coordinator">Path of its front.</param>
internal sealed record ApplyTo(string Coordinator) : Effect;

/// <summary>Work for the run whose coordinator has sent this; go on with what is held of it.</summary>
internal sealed record Work(Wire.Engage Engagement) : Effect;

/// <summary>Give back what is held of the run.</summary>
internal sealed record EndWork : Effect;

/// <summary>Say something to whoever watches the process.</summary>
internal sealed record Say(string Text) : Effect;

/// <summary>The worker of this process has stopped.</summary>
/// <param name="Failure">Null when its work was done.</param>
internal sealed record WorkEnded(Exception? Failure) : Message;

/// <summary>The coordinator cannot be reached any more.</summary>
internal sealed record CoordinatorLost : Message;

/// <summary>
/// How a worker process finds work: it registers, again and again, until it is sent to a coordinator, applies there
/// and is engaged. What it holds of a run it keeps when the coordinator is lost, and goes on with the next one.
/// </summary>
/// <param name="worker">Its name.</param>
/// <param name="numerics">What it computes with: <c>cpu</c> or <c>cuda</c>.</param>
/// <param name="longestIdle">Without work for so long it ends; null for never.</param>
internal sealed class EmploymentBehaviour(string worker, string numerics, TimeSpan? longestIdle = null) : IBehaviour
{
    private const string Timer = "register";

    /// <summary>How often it says that it is there while it has work.</summary>
    public static readonly TimeSpan RegisterEvery = TimeSpan.FromSeconds(2);

    /// <summary>And while it has none.</summary>
    public static readonly TimeSpan SearchEvery = TimeSpan.FromSeconds(0.5);

    /// <summary>An application that nobody has answered for so long is void.</summary>
    private static readonly TimeSpan s_answer = TimeSpan.FromSeconds(6);

    /// <summary>Where it was refused, or dismissed, it does not apply again at once.</summary>
    private static readonly TimeSpan s_refused = TimeSpan.FromSeconds(30);

    private string _job = string.Empty;

    /// <summary>Whose application is under way, or who has engaged it.</summary>
    private string _coordinator = string.Empty;
    private bool _isEngaged;

    /// <summary>Since when it has been seen without work; null while it has some.</summary>
    private DateTimeOffset? _idleSince;
    private DateTimeOffset _applied;
    private DateTimeOffset _notBefore;

    /// <summary>Who has refused or dismissed it last.</summary>
    private string _avoided = string.Empty;
    private DateTimeOffset _avoidedUntil;

    /// <inheritdoc/>
    public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now) => message switch
    {
        Started or RegisterAgain => Register(now),
        FromPeer { Body: Wire.Employ employ } => OnEmploy(employ, now),
        FromPeer { Body: Wire.Engage engage } => OnEngage(engage, now),
        FromPeer { Body: Wire.Refuse refuse } => OnRefuse(refuse, now),
        CoordinatorLost => OnLost(now),
        FromPeer { Body: var body } =>
            throw new MalformedMessageException($"nobody sends a worker process a {body.Descriptor.Name}"),
        WorkEnded { Failure: null } when !_isEngaged => [new EndWork()],
        WorkEnded { Failure: null } =>
            [.. End(now), new Say($"{worker} is needed no more and looks for work"), .. Register(now)],
        WorkEnded { Failure: var failure } => [.. End(now), new StopActor(failure)],
        _ => throw new InvalidOperationException($"a worker process does not know {message.GetType().Name}"),
    };

    private Effect[] Register(DateTimeOffset now)
    {
        _idleSince = _isEngaged ? null : _idleSince ?? now;
        if (now - _idleSince >= longestIdle)
        {
            return
            [
                new Say(FormattableString.Invariant(
                    $"{worker} has had no work for {longestIdle.Value.TotalSeconds:0.#} s and ends")),
                new StopActor(null),
            ];
        }

        return
        [
            new ToRegistry(new Wire.Register
            {
                Version = ProtocolVersion.Current,
                Worker = worker,
                Job = _job,
                Coordinator = _isEngaged ? _coordinator : string.Empty,
                Numerics = numerics,
                Avoided = Avoided(now),
                Cells = { Cells.Names },
            }),
            new StartTimer(Timer, _isEngaged ? RegisterEvery : SearchEvery, new RegisterAgain()),
        ];
    }

    /// <summary>Where it does not apply; empty for nowhere.</summary>
    private string Avoided(DateTimeOffset now) => now < _avoidedUntil ? _avoided : string.Empty;

    private ApplyTo[] OnEmploy(Wire.Employ employ, DateTimeOffset now)
    {
        Translation.Check(employ);
        if (employ.Coordinator == Avoided(now) || (employ.Coordinator == _coordinator && now < _notBefore))
        {
            return [];
        }

        (_job, _coordinator, _isEngaged) = (employ.Job, employ.Coordinator, false);
        _applied = now;
        _notBefore = now + s_answer;
        return [new ApplyTo(employ.Coordinator)];
    }

    private Effect[] OnEngage(Wire.Engage engage, DateTimeOffset now)
    {
        if (_coordinator.Length == 0)
        {
            // It comes too late: what was applied for is over.
            return [Decline("it has left")];
        }

        string cell = engage.Model?.Cell ?? string.Empty;
        if ((ProtocolVersion.WhyNot(engage.Version) ?? Translation.WhyNot(cell, Cells.Names)) is { } reason)
        {
            Leave(now);
            return [new Say($"the coordinator is not followed: {reason}"), Decline(reason)];
        }

        Translation.Check(engage);
        _isEngaged = true;
        _idleSince = null;
        return [new Work(engage)];
    }

    /// <summary>Whoever has engaged it is not to wait for it.</summary>
    private static Answer Decline(string cause) => new(new Wire.Farewell { Cause = cause });

    private Effect[] OnRefuse(Wire.Refuse refuse, DateTimeOffset now)
    {
        string reason = Translation.Text(refuse.Reason);
        if (refuse.ByRegistry)
        {
            // It says so as often as it is asked. Work in hand goes on.
            return
            [
                new Say($"the registry refuses {worker}: {reason}"),
                new StartTimer(Timer, s_refused, new RegisterAgain()),
            ];
        }

        if (_coordinator.Length == 0)
        {
            // It has said so before.
            return [];
        }

        string refusal = $"{_coordinator} refuses {worker}: {reason}";
        Leave(now);
        return [new Say(refusal)];
    }

    /// <summary>
    /// It looks for work at once, but where it has just applied it does so again only after a while: two workers of one
    /// name would take the place from each other as fast as messages travel.
    /// </summary>
    private Effect[] OnLost(DateTimeOffset now)
    {
        if (!_isEngaged)
        {
            return [];
        }

        _isEngaged = false;
        _notBefore = _applied + RegisterEvery;
        return [new Say($"{worker} has lost its coordinator and looks for work"), .. Register(now)];
    }

    private EndWork[] End(DateTimeOffset now)
    {
        Leave(now);
        return [new EndWork()];
    }

    private void Leave(DateTimeOffset now)
    {
        (_avoided, _avoidedUntil) = (_coordinator, now + s_refused);
        (_job, _coordinator, _isEngaged) = (string.Empty, string.Empty, false);
    }

    private sealed record RegisterAgain : Message;
}
