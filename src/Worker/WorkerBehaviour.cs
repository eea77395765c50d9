namespace RnnLm.Worker;

/// <summary>
/// The worker's state machine. It holds one parameter version, keeps the assignments of steps whose parameters it does
/// not have yet, begins a step's ranges as soon as it has both, and returns one sum a range.
/// </summary>
/// <remarks>
/// Whatever arrives twice, late or from an older coordinator changes nothing: a publish that is not newer is released,
/// an assignment to a past step is dropped, and a range that was begun is not begun again unless its attempt grew.
/// A range or piece that its device cannot compute is an answer too; what else fails is the worker's end.
/// </remarks>
public sealed class WorkerBehaviour : IBehaviour
{
    /// <summary>Steps of which an assignment is kept: the one in hand and the next.</summary>
    private const int StepsAhead = 2;

    /// <summary>Pieces kept that came before their version; a coordinator has fewer under way.</summary>
    private const int EarlyPiecesAThread = 4;

    private readonly ActorId _self;
    private readonly int _threads;
    private readonly SortedDictionary<long, Assign> _assignments = [];
    private readonly Dictionary<ShardRange, int> _begunAttempts = [];
    private readonly List<Evaluate> _earlyEvaluations = [];
    private ParameterVersion? _version;
    private long _incarnation;
    private bool _isTesting;

    /// <summary>A worker that has not started.</summary>
    /// <param name="self">Its address.</param>
    /// <param name="threads">Shards that its device computes side by side.</param>
    public WorkerBehaviour(ActorId self, int threads)
    {
        _self = self;
        _threads = threads;
    }

    /// <inheritdoc/>
    public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now) => message switch
    {
        Started => Test(),
        SelfTestDone test => OnTested(test),
        Publish publish => OnPublish(publish),
        Assign assign => OnAssign(assign),
        RangeComputed computed => [new Send(ActorId.Coordinator, new RangeResult(
            computed.Incarnation, _self, computed.Step, computed.Range, computed.TokenHash, computed.Gradient))],
        RangeNotComputed it => [new Send(ActorId.Coordinator, new RangeFailed(
            it.Incarnation, _self, it.Step, it.Range, it.Attempt, it.Cause))],
        Evaluate evaluate => OnEvaluate(evaluate),
        PieceEvaluated { Request: var asked } piece => [new Send(ActorId.Coordinator, new EvaluationResult(
            asked.Incarnation, _self, asked.Version, asked.Piece, piece.LossSum, piece.TokenCount)
        {
            Attempt = asked.Attempt,
            States = piece.States,
        })],
        PieceNotEvaluated { Request: var asked } it => [new Send(ActorId.Coordinator, new EvaluationFailed(
            asked.Incarnation, _self, asked.Version, asked.Piece, asked.Attempt, it.Cause))],
        Recall recall => recall.Incarnation < _incarnation || _isTesting ? [] : Test(),
        Dismiss { Incarnation: var incarnation } when incarnation < _incarnation => [],
        Dismiss => Stop(null),
        DeviceLost { Cause: var cause } => Stop(cause),
        _ => throw new InvalidOperationException($"{_self} does not know the message {message.GetType().Name}."),
    };

    private RunSelfTest[] Test()
    {
        _isTesting = true;
        return [new RunSelfTest()];
    }

    private Send[] OnTested(SelfTestDone test)
    {
        _isTesting = false;
        return [new Send(ActorId.Coordinator, new Join(_self, _threads, test.Hash))];
    }

    private List<Effect> OnPublish(Publish publish)
    {
        bool isKnown = publish.Incarnation == _incarnation && publish.Version.Version <= _version?.Version;
        if (publish.Incarnation < _incarnation || isKnown)
        {
            publish.Release();
            return [];
        }

        Follow(publish.Incarnation);
        _version?.Release();
        _version = publish.Version;
        _begunAttempts.Clear();
        while (_assignments.Count > 0 && _assignments.Keys.First() < _version.Version)
        {
            _assignments.Remove(_assignments.Keys.First());
        }

        var effects = BeginRanges();
        foreach (var evaluation in _earlyEvaluations.Where(e => e.Version == _version.Version))
        {
            effects.Add(new ComputeLoss(evaluation, _version.Retain()));
        }

        _earlyEvaluations.RemoveAll(e => e.Version <= _version.Version);
        return effects;
    }

    private List<Effect> OnAssign(Assign assign)
    {
        bool isPast = assign.Incarnation == _incarnation && assign.Step < _version?.Version;
        if (assign.Incarnation < _incarnation || isPast)
        {
            return [];
        }

        Follow(assign.Incarnation);
        _assignments[assign.Step] = assign;
        if (_assignments.Count > StepsAhead)
        {
            _assignments.Remove(_assignments.Keys.First());
        }

        return BeginRanges();
    }

    private List<Effect> OnEvaluate(Evaluate evaluate)
    {
        bool isPast = evaluate.Incarnation == _incarnation && evaluate.Version < _version?.Version;
        if (evaluate.Incarnation < _incarnation || isPast)
        {
            return [];
        }

        Follow(evaluate.Incarnation);

        if (_version is null || evaluate.Version > _version.Version)
        {
            // What is not kept is asked for again when it is overdue.
            if (_earlyEvaluations.Count < EarlyPiecesAThread * _threads)
            {
                _earlyEvaluations.Add(evaluate);
            }

            return [];
        }

        return [new ComputeLoss(evaluate, _version.Retain())];
    }

    private List<Effect> Stop(Exception? cause)
    {
        _version?.Release();
        _version = null;
        return [new StopActor(cause)];
    }

    private List<Effect> BeginRanges()
    {
        var effects = new List<Effect>();
        if (_version is null || !_assignments.TryGetValue(_version.Version, out var assign))
        {
            return effects;
        }

        foreach (var assigned in assign.Ranges)
        {
            if (_begunAttempts.TryGetValue(assigned.Range, out int begun) && begun >= assigned.Attempt)
            {
                continue;
            }

            _begunAttempts[assigned.Range] = assigned.Attempt;
            effects.Add(new ComputeRange(
                _incarnation, _version.Retain(), assigned.Range, assigned.Attempt, assigned.Shards));
        }

        return effects;
    }

    /// <summary>A newer coordinator replaces what an older one has asked.</summary>
    private void Follow(long incarnation)
    {
        if (incarnation <= _incarnation)
        {
            return;
        }

        _incarnation = incarnation;
        _assignments.Clear();
        _begunAttempts.Clear();
        _earlyEvaluations.Clear();
        _version?.Release();
        _version = null;
    }
}
