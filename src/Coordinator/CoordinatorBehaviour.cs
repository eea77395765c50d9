
namespace RnnLm.Coordinator;

/// <summary>
/// The coordinator's state machine: synchronous data-parallel training, one version at a time.
/// </summary>
/// <remarks>
/// <para>One step, top to bottom: <see cref="OnPrepared"/> has the plan's tokens and <see cref="AssignMissing"/> divides the shards among the workers, one step ahead →
/// workers return sums to <see cref="OnRangeResult"/>, which puts each into the tree once → <see cref="Climb"/> adds siblings → <see cref="BeginUpdate"/> lets
/// the optimiser make the next version → <see cref="OnUpdated"/> commits it and publishes it to all.</para>
/// <para>What is lost is asked for again after a deadline; what comes twice, late or from other tokens is dropped and counted. See docs/determinism.md.</para>
/// </remarks>
public sealed class CoordinatorBehaviour : IBehaviour
{
    private const string DivergenceCure = "lower --lr, set --clip, or use --on-divergence skip";
    private const string DeadlineTimer = "step deadline";
    private const string EvaluationTimer = "evaluation deadline";

    /// <summary>Deadline until a step was measured: the slowest machine's first step on the largest model, with room.</summary>
    private static readonly TimeSpan FirstDeadline = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ShortestDeadline = TimeSpan.FromSeconds(30);

    /// <summary>Results are overdue when they take this many times as long as the slowest step so far.</summary>
    private const double DeadlineFactor = 10;

    private readonly CoordinatorSettings _settings;
    private readonly CoordinatorInputs _inputs;
    private readonly UpdateRule _update;
    private readonly GradientPool _gradients;
    private readonly Roster _roster = new();
    private readonly CheckpointQueue _checkpoints;
    private readonly Dictionary<long, StepInProgress> _steps = [];
    private readonly HashSet<long> _preparing = [];
    private readonly Dictionary<string, long> _dropped = [];
    private TrainingState _state;
    private EvaluationInProgress? _evaluation;
    private string? _selfTestHash;
    private double? _bestLoss;
    private bool _isUpdating;
    private bool _isCheckpointDue;
    private ExitCode? _stopReason;
    private Func<Exception?> _stopFailure = () => null;
    private string? _refusal;
    private bool _isFinal;
    private DateTimeOffset _lastCommit;
    private DateTimeOffset _stepBegan;
    private DateTimeOffset _lastResult;
    private TimeSpan _slowestStep;
    private int _workersGone;

    /// <summary>A coordinator that has not started.</summary>
    /// <param name="settings">How to run.</param>
    /// <param name="inputs">What to work on.</param>
    /// <param name="state">Where to begin; owned from here on.</param>
    /// <param name="update">How gradients become updates.</param>
    /// <param name="gradients">Where the workers' gradients go when they were added.</param>
    public CoordinatorBehaviour(
        CoordinatorSettings settings, CoordinatorInputs inputs, TrainingState state, UpdateRule update, GradientPool gradients)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        _inputs = inputs;
        _state = state;
        _update = update;
        _gradients = gradients;
        _selfTestHash = settings.ExpectedSelfTest;
        _bestLoss = settings.BestLoss;
        _checkpoints = new CheckpointQueue(settings.IsResumed ? state.Version : null);
    }

    /// <summary>How many results were dropped, by reason.</summary>
    public IReadOnlyDictionary<string, long> Dropped => _dropped;

    /// <inheritdoc/>
    public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now)
    {
        var effects = new List<Effect>();
        switch (message)
        {
            case Started: OnStarted(now, effects); break;
            case StepPrepared prepared: OnPrepared(prepared, now, effects); break;
            case Join join: OnJoin(join, now, effects); break;
            case Terminated terminated: OnTerminated(terminated, effects); break;
            case RangeResult result: OnRangeResult(result, now, effects); break;
            case RangesAdded added: OnRangesAdded(added, effects); break;
            case Updated updated: OnUpdated(updated.Outcome, now, effects); break;
            case EvaluationResult result: OnEvaluationResult(result, effects); break;
            case DeadlinePassed deadline: OnDeadline(deadline, effects); break;
            case CheckpointWritten written: OnCheckpointWritten(written, effects); break;
            case StopRequested stop: OnStopRequested(stop, effects); break;
            default: throw new InvalidOperationException($"The coordinator does not know the message {message.GetType().Name}.");
        }

        return effects;
    }

    private bool IsStopping => _stopReason is not null;

    private void OnStarted(DateTimeOffset now, List<Effect> effects)
    {
        _lastCommit = now;
        if (!_settings.IsResumed)
        {
            Save(null, isBest: false, effects);
        }

        effects.Add(new Report(new WaitingForWorkers()));
        if (_state.Version >= _settings.TotalSteps)
        {
            BeginEvaluation(effects);
        }
        else
        {
            PrepareAhead(effects);
        }
    }

    /// <summary>Asks for the tokens of the step in hand and of the next, off the actor: the plan reads a memory-mapped file.</summary>
    private void PrepareAhead(List<Effect> effects)
    {
        for (long step = _state.Version; step <= _state.Version + 1 && step < _settings.TotalSteps; step++)
        {
            if (_steps.ContainsKey(step) || !_preparing.Add(step))
            {
                continue;
            }

            long number = step;
            var plan = _inputs.Plan;
            effects.Add(new RunWork($"prepare step {number}", () =>
            {
                var shards = plan.Step(number);
                return new StepPrepared(new StepInProgress(number, shards, [.. shards.Select(shard => shard.Hash())]));
            }));
        }
    }

    private void OnPrepared(StepPrepared prepared, DateTimeOffset now, List<Effect> effects)
    {
        var step = prepared.Step;
        Invariant.Require(step.Step >= _state.Version, "a step is prepared before it is committed");
        _preparing.Remove(step.Step);
        _steps[step.Step] = step;
        AssignMissing(step, effects);
        if (step.Step == _state.Version)
        {
            BeginStep(now, effects);
        }
    }

    /// <summary>The step in hand waits for results from now on.</summary>
    private void BeginStep(DateTimeOffset now, List<Effect> effects)
    {
        _stepBegan = _lastResult = now;
        var deadline = _slowestStep == TimeSpan.Zero ? FirstDeadline : _slowestStep * DeadlineFactor;
        effects.Add(new StartTimer(
            DeadlineTimer, deadline < ShortestDeadline ? ShortestDeadline : deadline, new DeadlinePassed(_state.Version)));
    }

    /// <summary>Divides among the workers whatever of a step neither came back nor is asked of anybody.</summary>
    private void AssignMissing(StepInProgress step, List<Effect> effects)
    {
        if (_roster.Count == 0 || IsStopping)
        {
            return;
        }

        var speeds = _roster.Speeds();
        foreach (var (start, end) in step.UnassignedRuns())
        {
            var divided = ShardDivision.Divide(start, end, speeds);
            foreach (var (member, ranges) in _roster.Members.Zip(divided))
            {
                step.Assign(member.Id, ranges);
            }
        }

        foreach (var member in _roster.Members)
        {
            effects.Add(new Send(member.Id, step.AssignmentOf(member.Id, _settings.Incarnation)));
        }
    }

    private void OnJoin(Join join, DateTimeOffset now, List<Effect> effects)
    {
        if (_selfTestHash is not null && join.SelfTestHash != _selfTestHash && !_settings.AllowMixed)
        {
            _refusal = $"{join.Worker} rounds differently from the machines that the run began on (--allow-mixed lets it work all the same)";
            effects.Add(new Report(new WorkerRefused(join.Worker, join.SelfTestHash, _selfTestHash)));
            effects.Add(new Send(join.Worker, new Dismiss()));
            return;
        }

        _selfTestHash ??= join.SelfTestHash;
        if (_roster.Count == 0)
        {
            // The time without workers is no step's.
            _lastCommit = now;
            BeginStep(now, effects);
        }

        if (_roster.Add(join.Worker, join.Threads))
        {
            effects.Add(new Report(new WorkerJoined(join.Worker, join.Threads, join.SelfTestHash)));
        }

        effects.Add(new Send(join.Worker, new Publish(_settings.Incarnation, _state.Parameters.Retain())));
        if (_steps.TryGetValue(_state.Version, out var current))
        {
            AssignMissing(current, effects);
        }

        // Nobody can have begun the next step, so the newcomer gets its share of it at once.
        if (_steps.TryGetValue(_state.Version + 1, out var next))
        {
            next.ClearAssignments();
            AssignMissing(next, effects);
        }

        DrawPieces(effects);
    }

    private void OnTerminated(Terminated terminated, List<Effect> effects)
    {
        _workersGone++;
        string reason = terminated.Failure?.Message ?? "it stopped";
        if (_roster.Remove(terminated.Actor))
        {
            effects.Add(new Report(new WorkerLost(terminated.Actor, reason)));
            foreach (var step in _steps.Values)
            {
                step.Withdraw(terminated.Actor);
                AssignMissing(step, effects);
            }

            _evaluation?.Withdraw(terminated.Actor);
            DrawPieces(effects);
        }

        if (_roster.Count > 0 || IsStopping)
        {
            return;
        }

        if (_settings.WorkerLimit is not { } limit)
        {
            effects.Add(new Report(new WaitingForWorkers()));
        }
        else if (_workersGone >= limit)
        {
            string cause = _refusal is not null && terminated.Failure is null ? _refusal : reason.TrimEnd('.');
            Stop(ExitCode.Cluster, version => $"no worker is left at step {version}: {cause}; resume the run when the cause is mended", terminated.Failure, effects);
        }
    }

    private void OnRangeResult(RangeResult result, DateTimeOffset now, List<Effect> effects)
    {
        if (result.Incarnation != _settings.Incarnation)
        {
            Drop(result.Gradient, "wrong incarnation");
            return;
        }

        if (result.Step != _state.Version || !_steps.TryGetValue(result.Step, out var step))
        {
            Drop(result.Gradient, "wrong version");
            return;
        }

        var discarded = new List<Gradient>();
        var rejection = step.Accept(result, discarded);
        discarded.ForEach(_gradients.Return);
        if (rejection != Rejection.None)
        {
            Drop(result.Gradient, rejection == Rejection.Duplicate ? "duplicate" : "wrong tokens");
            return;
        }

        _lastResult = now;
        if (!step.IsMissingAnyOf(result.Worker))
        {
            _roster.Find(result.Worker)?.Measure(step.ShardsOf(result.Worker), now - _stepBegan);
        }

        Climb(step, result.Range, effects);
    }

    private void Drop(Gradient gradient, string reason)
    {
        _dropped[reason] = _dropped.GetValueOrDefault(reason) + 1;
        _gradients.Return(gradient);
    }

    /// <summary>Adds a range to its sibling, off the actor, if both are there; the root goes to the optimiser.</summary>
    private void Climb(StepInProgress step, ShardRange range, List<Effect> effects)
    {
        if (step.Tree.TryTakePair(range, out var parent, out var left, out var right))
        {
            var gradients = _gradients;
            effects.Add(new RunWork($"add {parent}", () =>
            {
                GradientSum.Add(left, right);
                gradients.Return(right);
                return new RangesAdded(step.Step, parent, left);
            }));
        }
        else
        {
            BeginUpdate(effects);
        }
    }

    private void OnRangesAdded(RangesAdded added, List<Effect> effects)
    {
        if (!_steps.TryGetValue(added.Step, out var step) || !step.Tree.Complete(added.Range, added.Sum))
        {
            _gradients.Return(added.Sum);
            return;
        }

        Climb(step, added.Range, effects);
    }

    /// <summary>Lets the optimiser make the next version, once the step's sum is whole and the version in hand was evaluated, if that was due.</summary>
    private void BeginUpdate(List<Effect> effects)
    {
        if (_isUpdating || IsStopping || _evaluation is not null ||
            !_steps.TryGetValue(_state.Version, out var step) || step.Tree.Root is not { } sum)
        {
            return;
        }

        Invariant.Require(sum.TokenCount == step.TargetCount, "every token of the step is in its sum once");
        _isUpdating = true;
        effects.Add(new CancelTimer(DeadlineTimer));
        var (rule, state, examples) = (_update, _state, step.ExampleCount);
        effects.Add(new RunWork($"update {step.Step}", () => new Updated(rule.Apply(state, sum, examples))));
    }

    private void OnUpdated(UpdateOutcome outcome, DateTimeOffset now, List<Effect> effects)
    {
        _isUpdating = false;
        var step = _steps[_state.Version];
        _steps.Remove(step.Step);
        var discarded = new List<Gradient>();
        step.Tree.Clear(discarded);
        discarded.ForEach(_gradients.Return);
        _state = outcome.State;
        if (!outcome.IsFinite && _settings.Divergence == DivergencePolicy.Stop)
        {
            Stop(
                ExitCode.Diverged,
                version => $"training diverged at step {version} (loss {outcome.MeanLoss}, gradient norm {outcome.GradientNorm}); the parameters before it are saved: {DivergenceCure}",
                null,
                effects);
            return;
        }

        if (!outcome.IsFinite)
        {
            var repeated = _state.Parameters.Repeat();
            _state.Parameters.Release();
            _state = _state with { Parameters = repeated };
        }

        Invariant.Require(_state.Version == step.Step + 1, "a step makes the next version");
        var elapsed = now - _lastCommit;
        _slowestStep = elapsed > _slowestStep ? elapsed : _slowestStep;
        effects.Add(new Report(new StepCommitted(
            step.Step, outcome.MeanLoss, outcome.TokenCount, step.ExampleCount, outcome.GradientNorm, outcome.LearningRate, elapsed, now - _lastResult, step.Hash, !outcome.IsFinite)));
        _lastCommit = now;
        if (IsStopping)
        {
            SaveAndStop(effects);
            return;
        }

        foreach (var member in _roster.Members)
        {
            effects.Add(new Send(member.Id, new Publish(_settings.Incarnation, _state.Parameters.Retain())));
        }

        Milestones(effects);
        PrepareAhead(effects);
        if (_steps.ContainsKey(_state.Version))
        {
            BeginStep(now, effects);
        }
    }

    /// <summary>Evaluates and saves the new version where that is due.</summary>
    private void Milestones(List<Effect> effects)
    {
        bool isLast = _state.Version >= _settings.TotalSteps;
        bool evaluate = isLast || IsDue(_settings.EvaluateEvery);
        _isCheckpointDue = isLast || IsDue(_settings.CheckpointEvery);
        if (evaluate)
        {
            BeginEvaluation(effects);
        }
        else if (_isCheckpointDue)
        {
            Save(null, isBest: false, effects);
        }
    }

    private bool IsDue(long every) => every > 0 && _state.Version % every == 0;

    /// <summary>
    /// Evaluates the version in hand. Workers go on with the next step meanwhile, but it is not committed before the evaluation is complete, so that they still
    /// hold this version.
    /// </summary>
    private void BeginEvaluation(List<Effect> effects)
    {
        if (_inputs.Validation.Count == 0)
        {
            Conclude(null, isBest: false, effects);
            return;
        }

        _evaluation = new EvaluationInProgress(_state.Version, _inputs.Validation);
        effects.Add(new StartTimer(EvaluationTimer, FirstDeadline, new DeadlinePassed(_state.Version)));
        DrawPieces(effects);
    }

    private void DrawPieces(List<Effect> effects)
    {
        if (_evaluation is null || IsStopping)
        {
            return;
        }

        foreach (var member in _roster.Members)
        {
            foreach (var piece in _evaluation.Draw(member.Id, member.Threads, _settings.Incarnation))
            {
                effects.Add(new Send(member.Id, piece));
            }
        }
    }

    private void OnEvaluationResult(EvaluationResult result, List<Effect> effects)
    {
        if (_evaluation is null || result.Incarnation != _settings.Incarnation || result.Version != _evaluation.Version)
        {
            return;
        }

        _evaluation.Accept(result);
        if (!_evaluation.IsComplete)
        {
            DrawPieces(effects);
            return;
        }

        double loss = _evaluation.MeanLoss;
        bool isFinite = double.IsFinite(loss);
        bool isBest = isFinite && (_bestLoss is null || loss < _bestLoss);
        _bestLoss = isBest ? loss : _bestLoss;
        _evaluation = null;
        effects.Add(new CancelTimer(EvaluationTimer));
        effects.Add(new Report(new Evaluated(_state.Version, loss, isBest)));
        effects.Add(new Illustrate(_state.Parameters.Retain()));
        if (!isFinite && _settings.Divergence == DivergencePolicy.Stop)
        {
            Stop(ExitCode.Diverged, version => $"the validation loss of step {version} is {loss}; {DivergenceCure}", null, effects);
            return;
        }

        Conclude(isFinite ? loss : null, isBest, effects);
        BeginUpdate(effects);
    }

    /// <summary>Saves an evaluated version where that is due; after the last step that is the end.</summary>
    private void Conclude(double? loss, bool isBest, List<Effect> effects)
    {
        if (_isCheckpointDue || isBest)
        {
            Save(loss, isBest, effects);
        }

        _isCheckpointDue = false;
        if (_state.Version >= _settings.TotalSteps)
        {
            Stop(ExitCode.Done, null, null, effects);
        }
    }

    private void OnDeadline(DeadlinePassed deadline, List<Effect> effects)
    {
        if (deadline.Version != _state.Version || IsStopping)
        {
            return;
        }

        if (_evaluation is not null)
        {
            effects.Add(new Report(new ResultsOverdue(_state.Version, _roster.Count)));
            _evaluation.WithdrawAll();
            effects.Add(new StartTimer(EvaluationTimer, FirstDeadline, new DeadlinePassed(_state.Version)));
            DrawPieces(effects);
        }

        if (_steps.TryGetValue(_state.Version, out var step) && step.Late() is { Count: > 0 } late)
        {
            effects.Add(new Report(new ResultsOverdue(step.Step, late.Count)));
            foreach (var worker in late)
            {
                // The parameters may be what was lost; who has them drops the repetition.
                effects.Add(new Send(worker, new Publish(_settings.Incarnation, _state.Parameters.Retain())));
                step.Withdraw(worker);
            }

            AssignMissing(step, effects);
            effects.Add(new StartTimer(DeadlineTimer, FirstDeadline, new DeadlinePassed(_state.Version)));
        }
    }

    private void Save(double? loss, bool isBest, List<Effect> effects) =>
        effects.AddRange(_checkpoints.Enqueue(new SaveCheckpoint(_state.Snapshot(), loss, isBest)));

    private void OnCheckpointWritten(CheckpointWritten written, List<Effect> effects)
    {
        effects.Add(new Report(written.Failure is null
            ? new CheckpointSaved(written.Version)
            : new CheckpointFailed(written.Version, written.Failure.Message)));
        if (written.Failure is RnnLmException { ExitCode: ExitCode.Cluster } lost)
        {
            // Another coordinator has the run: this one writes nothing more.
            _stopReason = lost.ExitCode;
            End(lost, effects);
            return;
        }

        effects.AddRange(_checkpoints.Finished(written));
        if (_isFinal && written.Version == _state.Version && written.Failure is not null)
        {
            _stopFailure = () => written.Failure;
        }

        EndIfSaved(effects);
    }

    private void OnStopRequested(StopRequested stop, List<Effect> effects)
    {
        if (!IsStopping)
        {
            effects.Add(new Report(new Stopping(_state.Version)));
            Stop(stop.Reason, version => $"stopped at step {version}, its parameters are saved; go on with --resume", null, effects);
        }
    }

    /// <summary>Takes no further step: saves the last committed version, if that is not done, and ends.</summary>
    /// <param name="reason">The exit code.</param>
    /// <param name="message">What to say of the version that was saved last; null when the run is simply done.</param>
    /// <param name="cause">What led to it.</param>
    /// <param name="effects">Gets what is to be done.</param>
    private void Stop(ExitCode reason, Func<long, string>? message, Exception? cause, List<Effect> effects)
    {
        _stopReason = reason;
        _stopFailure = () => message is null ? null : new RnnLmException(reason, message(_state.Version), cause);
        _evaluation = null;

        // An update in hand owns the state's buffers; its result is committed and saved when it comes.
        if (!_isUpdating)
        {
            SaveAndStop(effects);
        }
    }

    private void SaveAndStop(List<Effect> effects)
    {
        _isFinal = true;
        if (!_checkpoints.Covers(_state.Version))
        {
            Save(null, isBest: false, effects);
        }

        EndIfSaved(effects);
    }

    private void EndIfSaved(List<Effect> effects)
    {
        if (!_isFinal || !_checkpoints.IsIdle)
        {
            return;
        }

        End(_stopFailure(), effects);
    }

    private void End(Exception? failure, List<Effect> effects)
    {
        foreach (var member in _roster.Members)
        {
            effects.Add(new Send(member.Id, new Dismiss()));
        }

        effects.Add(new StopActor(failure));
    }
}
