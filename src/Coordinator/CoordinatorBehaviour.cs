namespace RnnLm.Coordinator;

/// <summary>The coordinator's state machine: synchronous data-parallel training, one version at a time.</summary>
/// <remarks>
/// One step, top to bottom: <see cref="PrepareAhead"/> asks for the plan's tokens, one step ahead →
/// <see cref="OnPrepared"/> has them divided among the workers (<see cref="Assignment"/>) → workers return sums to
/// <see cref="OnRangeResult"/>, which puts each into the tree once → <see cref="Reduce"/> adds siblings →
/// <see cref="Update"/> lets the optimizer make the next version → <see cref="Commit"/> publishes it to all. Beside it:
/// who works, and what a slow worker triggers (<see cref="Workforce"/>), evaluation (<see cref="Evaluation"/>),
/// comparing workers (<see cref="Verification"/>), saving and ending (<see cref="Saving"/>).
/// <para>What is lost is asked for again after a deadline; what comes twice, late or from other tokens is dropped and
/// reported. See docs/determinism.md.</para>
/// </remarks>
public sealed class CoordinatorBehaviour : IBehaviour
{
    private const string MismatchCure =
        "test their memory and processors before the run goes on (--on-mismatch continue goes on without both while " +
        "there is a third)";

    private const string DivergenceCure = "lower --lr, set --clip, or use --on-divergence skip";

    private readonly CoordinatorSettings _settings;
    private readonly CoordinatorInputs _inputs;
    private readonly Optimizer _optimizer;
    private readonly Outbox _outbox = new();
    private readonly Roster _roster = new();
    private readonly Workforce _workforce;
    private readonly Assignment _assignment;
    private readonly Evaluation _evaluation;
    private readonly Verification _verification;
    private readonly Saving _saving;
    private readonly HashSet<long> _preparing = [];
    private TrainingState _state;
    private bool _isUpdating;
    private bool _isCheckpointDue;
    private Evaluated? _evaluated;
    private DateTimeOffset _stepBegan;
    private DateTimeOffset _lastResult;
    private DateTimeOffset _lastCommit;

    /// <summary>A coordinator that has not started.</summary>
    /// <param name="settings">How to run.</param>
    /// <param name="inputs">What to work on.</param>
    /// <param name="state">Where to begin; owned from here on.</param>
    /// <param name="optimizer">How gradients become updates.</param>
    public CoordinatorBehaviour(
        CoordinatorSettings settings, CoordinatorInputs inputs, TrainingState state, Optimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(state);
        (_settings, _inputs, _state, _optimizer) = (settings, inputs, state, optimizer);
        _assignment = new Assignment(_roster, settings.Incarnation, _outbox);
        _evaluation = new Evaluation(inputs, _roster, settings.Incarnation, _outbox);
        _verification = new Verification(settings, _roster, _assignment, _outbox);
        _saving = new Saving(
            settings.IsResumed ? state.Version : null, settings.BestLoss, _roster, settings.Incarnation, _outbox);
        _workforce = new Workforce(settings, _roster, _assignment, _evaluation, _outbox, Publish, Stop);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Effect> Handle(Message message, DateTimeOffset now)
    {
        long version = _state.Version;
        if (message is IFromWorker { Worker: var worker } and not Join && !_saving.IsStopping)
        {
            BeginWithFirst(_workforce.Hear(worker, version, now), now);
        }

        switch (message)
        {
            case Started: OnStarted(now); break;
            case StepPrepared prepared: OnPrepared(prepared.Step, now); break;
            case RangeResult or RangeDigested when _saving.IsStopping: message.Release(); break;
            case RangeResult result: OnRangeResult(result, now); break;
            case RangeDigested digested: OnDigested(digested, now); break;
            case RangeFailed failed: OnRangeFailed(failed, now); break;
            case RangesAdded added: OnRangesAdded(added); break;
            case Updated updated: Commit(updated.Outcome, now); break;
            case PieceRead read: _evaluation.OnRead(read); break;
            case EvaluationResult result: OnEvaluationResult(result); break;
            case EvaluationFailed failed: OnEvaluationFailed(failed); break;
            case CheckpointWritten written: _saving.OnWritten(written, version); break;
            case WritingCheck check: _saving.OnWritingCheck(check, version); break;
            case LeaseLost { Failure: var lost }: _saving.EndAtOnce(lost); break;
            case StopRequested stop: OnStopRequested(stop); break;
            case InputFailed when _saving.IsStopping: break;
            case InputFailed { Failure: var failure }: Stop(failure.ExitCode, _ => failure.Message, failure); break;
            case Join or Terminated or LateCheck or SilenceCheck or NobodyCame when _saving.IsStopping: break;
            case Join join: BeginWithFirst(_workforce.OnJoin(join, version, now), now); break;
            case Terminated terminated: _workforce.OnTerminated(terminated, now); break;
            case LateCheck check: _workforce.OnLateCheck(check, version, now); break;
            case SilenceCheck: _workforce.OnSilenceCheck(version, now); break;
            case NobodyCame: _workforce.OnNobodyCame(); break;
            default: throw new InvalidOperationException($"the coordinator does not know {message.GetType().Name}");
        }

        GoOn(now);
        return _outbox.Take();
    }

    private bool IsLast => _state.Version >= _settings.TotalSteps;

    private void OnStarted(DateTimeOffset now)
    {
        _lastCommit = now;
        if (!_settings.IsResumed)
        {
            Save(null, isBest: false);
        }

        _workforce.Begin(now);
        PrepareAhead();
        bool wasEvaluationDue = _settings.IsResumed && IsDue(_settings.EvaluateEvery);
        if ((IsLast || wasEvaluationDue) && !_settings.IsEvaluated)
        {
            // The checkpoint then says what it would have said, had nobody stopped the run before the evaluation.
            _isCheckpointDue = true;
            Evaluate();
        }
        else
        {
            EndIfDone();
        }
    }

    /// <summary>
    /// After every message: pieces are drawn, work that fails whoever computes it ends the run, a comparison that is
    /// due is seen to, and a sum that is whole becomes an update.
    /// </summary>
    private void GoOn(DateTimeOffset now)
    {
        if (_saving.IsStopping)
        {
            return;
        }

        _evaluation.Draw(now);
        var workers = _workforce.All(now);
        if (_evaluation.Poison(workers) is { } piece)
        {
            Stop(ExitCode.BadInput, version => $"step {version} cannot be evaluated: {piece}; correct that text");
        }
        else if (_assignment.Find(_state.Version) is { } step)
        {
            if (step.Poison(workers) is { } shard)
            {
                Stop(
                    ExitCode.BadInput,
                    version => $"step {version} cannot be computed: {shard}; see its tokens with " +
                        $"rnnlm plan --run RUN --steps {version}..{version + 1} --json and correct that text");
                return;
            }

            _verification.Advance(step, now);
            Update();
        }
    }

    /// <summary>Asks for the tokens of this step and the next, off the actor: the plan reads a file.</summary>
    private void PrepareAhead()
    {
        for (long step = _state.Version; step <= _state.Version + 1 && step < _settings.TotalSteps; step++)
        {
            if (_assignment.Find(step) is null && _preparing.Add(step))
            {
                long number = step;
                _outbox.Read($"prepare step {number}", () =>
                {
                    var shards = _inputs.Plan.Step(number);
                    ulong[] hashes = [.. shards.Select(shard => shard.Hash())];
                    return new StepPrepared(new StepInProgress(number, shards, hashes));
                });
            }
        }
    }

    /// <summary>The time without workers is no step's.</summary>
    private void BeginWithFirst(bool isFirst, DateTimeOffset now)
    {
        if (isFirst)
        {
            _lastCommit = now;
            BeginStep(now);
        }
    }

    private void OnPrepared(StepInProgress step, DateTimeOffset now)
    {
        Invariant.Require(step.Step >= _state.Version, "a step is prepared before it is committed");
        _preparing.Remove(step.Step);
        if (_saving.IsStopping)
        {
            return;
        }

        _assignment.Add(step, now);
        if (step.Step == _state.Version)
        {
            BeginStep(now);
        }
    }

    /// <summary>The step in hand waits for results from now on, if its tokens are there.</summary>
    private void BeginStep(DateTimeOffset now)
    {
        if (_assignment.Find(_state.Version) is { } step)
        {
            _stepBegan = _lastResult = now;
            _assignment.Begin(step, now);
        }
    }

    private void OnRangeResult(RangeResult result, DateTimeOffset now)
    {
        if (WhyNot(result) is null && _verification.Concerns(_assignment.Find(result.Step)!, result.Range))
        {
            string? selfTest = _roster.Find(result.Worker)?.SelfTestHash;
            _outbox.Run(
                $"digest {result.Range}", () => new RangeDigested(result, selfTest, result.Gradient.Digest()));
        }
        else
        {
            Take(result, null, now);
        }
    }

    private void OnDigested(RangeDigested digested, DateTimeOffset now)
    {
        var result = digested.Result;
        if (_assignment.Find(result.Step) is not { } step || !_verification.IsSecond(step, result))
        {
            Take(result, digested, now);
            return;
        }

        result.Release();
        _lastResult = now;
        var differ = _verification.Compare(step, digested);
        if (differ is not null)
        {
            OnMismatch(step, differ, now);
        }
    }

    /// <summary>One of the two computes wrongly: neither is trusted, nor is anything of this step.</summary>
    private void OnMismatch(StepInProgress step, ResultsDiffer differ, DateTimeOffset now)
    {
        ActorId[] both = [differ.Worker, differ.Second];
        bool isAnotherThere = _roster.Members.Any(member => !both.Contains(member.Id));
        if (_settings.OnMismatch == MismatchPolicy.Stop || !isAnotherThere)
        {
            Stop(
                ExitCode.Cluster,
                version => $"{both[0]} and {both[1]} computed different results for shards {differ.Range} of step " +
                    $"{version} from the same tokens and parameters, so one of them computes wrongly; {MismatchCure}");
            return;
        }

        foreach (var worker in both)
        {
            var other = both.Single(id => id != worker);
            string reason = $"it and {other} computed different results for shards {differ.Range} of step {step.Step}";
            _workforce.Expel(worker, reason, now);
        }

        _assignment.Restart(step, now);
        if (_evaluation.IsRunning)
        {
            _evaluation.Begin(_state.Version);
        }
    }

    /// <summary>Puts a result into the tree, if it counts.</summary>
    private void Take(RangeResult result, RangeDigested? digested, DateTimeOffset now)
    {
        var step = _assignment.Find(result.Step)!;
        if ((WhyNot(result) ?? step.Accept(result)) is { } rejection)
        {
            result.Release();
            _outbox.Report(new ResultDropped(result.Step, result.Worker, rejection));
            return;
        }

        Measure(step, result.Worker, now);
        if (digested is not null)
        {
            _verification.Begin(step, digested);
        }

        Reduce(step, result.Range);
    }

    /// <summary>Why a result does not count, whatever is in it; null when it does.</summary>
    private string? WhyNot(RangeResult result) =>
        result.Incarnation != _settings.Incarnation ? "wrong incarnation"
            : _workforce.IsExpelled(result.Worker) ? "worker expelled"
            : result.Step != _state.Version || _assignment.Find(result.Step) is null ? "wrong version"
            : null;

    /// <summary>Takes in that a worker's result came: its speed is known once it owes nothing more of the step.
    /// </summary>
    private void Measure(StepInProgress step, ActorId worker, DateTimeOffset now)
    {
        _lastResult = now;
        if (step.MissingOf(worker).Count == 0)
        {
            _roster.Find(worker)?.Measure(step.ShardsOf(worker), now - _stepBegan);
            _assignment.WatchTheTime(step, now);
        }
    }

    private void OnRangeFailed(RangeFailed failed, DateTimeOffset now)
    {
        if (failed.Incarnation != _settings.Incarnation || _workforce.IsExpelled(failed.Worker))
        {
            return;
        }

        if (!_saving.IsStopping && failed.Step == _state.Version && _assignment.Find(failed.Step) is { } step &&
            step.Fail(failed))
        {
            _outbox.Report(new WorkFailed(failed.Step, failed.Worker, $"shards {failed.Range}", failed.Cause));
            _assignment.DivideAgain(now);
            _assignment.WatchTheTime(step, now);
        }
    }

    private void OnEvaluationFailed(EvaluationFailed failed)
    {
        if (failed.Incarnation != _settings.Incarnation || _workforce.IsExpelled(failed.Worker))
        {
            return;
        }

        if (_evaluation.Fail(failed))
        {
            string work = $"piece {failed.Piece} of the validation text";
            _outbox.Report(new WorkFailed(failed.Version, failed.Worker, work, failed.Cause));
        }
    }

    /// <summary>Adds a range to its sibling, off the actor, if both are there.</summary>
    private void Reduce(StepInProgress step, ShardRange range)
    {
        var tree = step.Tree;
        if (!tree.TryTakePair(range, out var parent, out var left, out var right))
        {
            return;
        }

        _outbox.Run($"add {parent}", () =>
        {
            GradientSum.Add(left, right);
            right.Release();
            return new RangesAdded(tree, step.Step, parent, left);
        });
    }

    private void OnRangesAdded(RangesAdded added)
    {
        if (_assignment.Find(added.Step) is { } step && step.Tree == added.Tree &&
            step.Tree.Complete(added.Range, added.Sum))
        {
            Reduce(step, added.Range);
        }
        else
        {
            added.Release();
        }
    }

    /// <summary>
    /// Lets the optimizer make the next version, off the actor, once the step's sum is whole, and compared and the
    /// version in hand evaluated where that was due.
    /// </summary>
    private void Update()
    {
        if (_isUpdating || _saving.IsStopping || _evaluation.IsRunning || _verification.IsOpen(_state.Version) ||
            _assignment.Find(_state.Version) is not { Tree.Root: { } sum } step)
        {
            return;
        }

        Invariant.Require(sum.TokenCount == step.TargetCount, "every token of the step is in its sum once");
        _isUpdating = true;
        var (state, examples) = (_state, step.ExampleCount);
        _outbox.Run($"update {step.Step}", () => new Updated(_optimizer.Apply(state, sum, examples)));
    }

    private void Commit(UpdateOutcome outcome, DateTimeOffset now)
    {
        _isUpdating = false;
        var step = _assignment.Find(_state.Version)!;
        _assignment.Remove(step);
        step.Release();
        if (!outcome.IsFinite && _settings.Divergence == DivergencePolicy.Stop)
        {
            Stop(
                ExitCode.Diverged,
                version => $"training diverged at step {version} (loss {outcome.MeanLoss}, " +
                    $"gradient norm {outcome.GradientNorm}); the parameters before it are saved: {DivergenceCure}");
            return;
        }

        var next = outcome.IsFinite ? outcome.State : _optimizer.Skipped(_state);
        _state.ReleaseAllBut(next);
        _state = next;
        Invariant.Require(_state.Version == step.Step + 1, "a step makes the next version");
        var elapsed = now - _lastCommit;
        _lastCommit = now;
        _roster.Measure(_lastResult - _stepBegan);
        _outbox.Report(new StepCommitted(
            step.Step,
            outcome.MeanLoss,
            outcome.TokenCount,
            step.ExampleCount,
            outcome.GradientNorm,
            outcome.LearningRate,
            elapsed,
            now - _lastResult,
            outcome.ComputeSeconds,
            step.Hash,
            !outcome.IsFinite));
        if (_saving.IsStopping)
        {
            SaveLast();
            return;
        }

        _workforce.OnCommitted(step, now);
        foreach (var member in _roster.Members)
        {
            Publish(member);
        }

        BeginStep(now);
        PrepareAhead();
        Milestones();
    }

    private void Publish(Member member) =>
        _outbox.Send(member.Id, new Publish(_settings.Incarnation, _state.Parameters.Retain()));

    /// <summary>Evaluates and saves the new version where that is due.</summary>
    private void Milestones()
    {
        _isCheckpointDue = IsLast || IsDue(_settings.CheckpointEvery);
        if (IsLast || IsDue(_settings.EvaluateEvery))
        {
            Evaluate();
        }
        else
        {
            Finish(null, isBest: false);
        }
    }

    private bool IsDue(long every) => every > 0 && _state.Version > 0 && _state.Version % every == 0;

    /// <summary>
    /// Evaluates the version in hand. Workers go on with the next step meanwhile, but it is not committed before the
    /// evaluation is complete, so that they still hold this version.
    /// </summary>
    private void Evaluate()
    {
        if (_evaluation.HasPieces)
        {
            _evaluation.Begin(_state.Version);
        }
        else
        {
            Finish(null, isBest: false);
        }
    }

    private void OnEvaluationResult(EvaluationResult result)
    {
        if (result.Incarnation != _settings.Incarnation || _workforce.IsExpelled(result.Worker) ||
            _evaluation.Accept(result) is not { } loss)
        {
            return;
        }

        bool isFinite = double.IsFinite(loss);
        bool isBest = isFinite && (_saving.BestLoss is not { } best || loss < best);
        _evaluated = new Evaluated(_state.Version, loss, isBest);
        _outbox.Report(_evaluated);
        _outbox.Add(new Illustrate(_state.Parameters.Retain()));
        if (IsDue(_settings.EvaluateEvery))
        {
            // The last step's evaluation, where it was not due, must not decide: a run with more steps has none there.
            _state = _optimizer.Evaluated(_state, loss) with { SinceBest = isBest ? 0 : _state.SinceBest + 1 };
        }

        if (!isFinite && _settings.Divergence == DivergencePolicy.Stop)
        {
            Stop(ExitCode.Diverged, version => $"the validation loss of step {version} is {loss}; {DivergenceCure}");
            return;
        }

        Finish(isFinite ? loss : null, isBest);
    }

    /// <summary>Saves the version in hand where that is due, and ends a run that is done.</summary>
    private void Finish(double? loss, bool isBest)
    {
        if (_isCheckpointDue || isBest)
        {
            Save(loss, isBest);
        }

        _isCheckpointDue = false;
        EndIfDone();
    }

    private void EndIfDone()
    {
        bool isOutOfPatience = _settings.Patience > 0 && _state.SinceBest >= _settings.Patience;
        if (isOutOfPatience && !IsLast)
        {
            _outbox.Report(new OutOfPatience(_state.Version, _state.SinceBest));
        }

        if (isOutOfPatience || IsLast)
        {
            Stop(ExitCode.Done, null);
        }
    }

    private void Save(double? loss, bool isBest)
    {
        Invariant.Require(!_isUpdating, "an update in hand owns the state's buffers");
        _saving.Save(_state, loss, isBest);
    }

    private void OnStopRequested(StopRequested stop)
    {
        if (!_saving.IsStopping)
        {
            _outbox.Report(new Stopping(_state.Version));
            Stop(
                stop.Reason,
                version => stop.WhyNobody is { } cause
                    ? $"no worker is left at step {version}: {cause}; resume when the cause is mended"
                    : $"stopped at step {version}, its parameters are saved; go on with --resume");
        }
    }

    /// <summary>Takes no further step; an update in hand is committed first, and its version is saved.</summary>
    private void Stop(ExitCode reason, Func<long, string>? message, Exception? cause = null)
    {
        _saving.Stop(reason, message, cause);
        _evaluation.Abandon();
        if (!_isUpdating)
        {
            _assignment.Find(_state.Version)?.Release();
            SaveLast();
        }
    }

    private void SaveLast() => _saving.SaveLast(
        _state,
        _evaluated is { MeanLoss: var loss } && _evaluated.Version == _state.Version && double.IsFinite(loss)
            ? loss
            : null);
}
