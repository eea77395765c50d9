using System.Globalization;
using Xunit.Abstractions;

namespace RnnLm.Tests;

/// <summary>
/// Bugs that a trainer of this kind could well have, each written into the product's source: the simulator finds it.
/// How many seeds it takes stands in docs/simulation.md; RNNLM_FIRST_SEED has it measured from another seed on, without
/// a bound.
/// </summary>
public sealed class Planted_bugs(ITestOutputHelper output)
{
    private const int Unbounded = 3_000;

    private static readonly Bug[] s_bugs =
    [
        new(
            "a range is accepted whose ancestor is filled",
            50,
            "Shared",
            new Edit(
                "ReductionTree.cs",
                "for (int index = Index(range); index >= 1; index >>= 1)",
                "for (int index = Index(range), once = 0; once == 0; once++)")),
        new(
            "a duplicate counts as an answer",
            50,
            "Coordinator",
            new Edit(
                "StepInProgress.cs",
                "return isUsed ? null : \"duplicate\";",
                "return null;")),
        new(
            "an evaluation of another version is accepted",
            1_000,
            "Coordinator",
            new Edit(
                "Evaluation.cs",
                "if (result.Version != _version || ",
                "if (_version is null || ")),
        new(
            "a worker evaluates the version it holds, not the one asked for",
            50,
            "Worker",
            new Edit(
                "WorkerBehaviour.cs",
                "if (_version is null || evaluate.Version > _version.Version)",
                "if (_version is null)")),
        new(
            "a silent worker is waited for without end",
            500,
            "Coordinator",
            new Edit(
                "Workforce.cs",
                "now - member.Since >= roster.Silence)",
                "now - member.Since >= TimeSpan.MaxValue)")),
        new(
            "a range is asked again under its old number",
            1_000,
            "Coordinator",
            new Edit(
                "StepInProgress.cs",
                "int attempt = _attempts.GetValueOrDefault((worker, range)) + 1;",
                "int attempt = 1;")),
        new(
            "ranges begun in one step count as begun in the next",
            200,
            "Worker",
            new Edit(
                "WorkerBehaviour.cs",
                "        _version = publish.Version;\n        _begunAttempts.Clear();",
                "        _version = publish.Version;")),
        new(
            "a worker gives parameters back before its device is done",
            50,
            "Worker",
            new Edit(
                "WorkerBehaviour.cs",
                "                _incarnation, _version.Retain(), assigned.Range",
                "                _incarnation, _version, assigned.Range")),
        new(
            "a worker never gives old parameters back",
            50,
            "Worker",
            new Edit(
                "WorkerBehaviour.cs",
                "        _version?.Release();\n        _version = publish.Version;",
                "        _version = publish.Version;")),
        new(
            "a rejected gradient is never given back",
            50,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                "            result.Release();\n            _outbox.Report(new ResultDropped(result.Step",
                "            _outbox.Report(new ResultDropped(result.Step")),
        new(
            "an old state is never given back",
            50,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                "        _state.ReleaseAllBut(next);\n",
                "")),
        new(
            "an evaluation that was due is not made up",
            1000,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                "bool wasEvaluationDue = _settings.IsResumed &&",
                "bool wasEvaluationDue = false &&")),
        new(
            "what evaluations have made of the learning rate is not in the checkpoint",
            500,
            "Coordinator",
            new Edit(
                "CheckpointWriter.cs",
                "                Plateau = state.Plateau,\n",
                "")),
        new(
            "a file is not synced before its checkpoint counts",
            50,
            "Storage",
            new Edit(
                "AtomicFile.cs",
                "        _file.Flush();\n        return Convert",
                "        return Convert")),
        new(
            "a directory is not synced before its checkpoint counts",
            50,
            "Storage",
            new Edit(
                "CheckpointStore.cs",
                "        _operations.Rename(temporary, path);\n        _operations.FlushDirectory(_directory);\n" +
                "        return path;",
                "        _operations.Rename(temporary, path);\n        return path;")),
        new(
            "the ledger is not cut back on resume",
            500,
            "Storage",
            new Edit(
                "LedgerWriter.cs",
                "content.Entries.Take((int)steps).Select(",
                "content.Entries.Select(")),
        new(
            "a coordinator that lost the run does not notice",
            50,
            "Storage",
            new Edit(
                "Lease.cs",
                "if (newest != Incarnation)",
                "if (newest < Incarnation)")),
        new(
            "a worker adds its shards one after another",
            50,
            "Worker",
            new Edit(
                "Devices/RangeComputation.cs",
                "    private Gradient? Reduce(ShardRange node, Gradient gradient, long version)\n    {\n",
                "    private Gradient? _sum;\n    private int _added;\n\n" +
                "    private Gradient? Reduce(ShardRange node, Gradient gradient, long version)\n    {\n" +
                "        if (_sum is null) { _sum = gradient; } else { GradientSum.Add(_sum, gradient); " +
                "gradient.Release(); }\n" +
                "        if (range.Length > 0) { return ++_added == range.Length ? _sum : null; }\n")),
        new(
            "a range gets its neighbor's tokens",
            50,
            "Coordinator",
            new Edit(
                "StepInProgress.cs",
                "shards.Skip(entry.Key.Start)",
                "shards.Skip(Math.Max(0, entry.Key.Start - 1))")),
        new(
            "a sum that comes back too late is taken",
            2_000,
            "Shared",
            new Edit(
                "ReductionTree.cs",
                "if (node.State != NodeState.Adding)",
                "if (false)")),
        new(
            "an update begins while one is under way",
            50,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                "if (_isUpdating || _saving.IsStopping || ",
                "if (_saving.IsStopping || ")),
        new(
            "a version is committed while it is evaluated",
            200,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                "_evaluation.IsRunning || _verification",
                "_verification")),
        new(
            "the newest takes the place of the best that waits to be written",
            2_000,
            "Coordinator",
            new Edit(
                "Saving.cs",
                "waiting.IsBest == save.IsBest",
                "true")),
        new(
            "a checkpoint that failed counts as saved",
            1_000,
            "Coordinator",
            new Edit(
                "Saving.cs",
                "        if (failure is null)\n        {\n            _saved",
                "        {\n            _saved")),
        new(
            "moments are overwritten while they are saved",
            50,
            "Coordinator",
            new Edit(
                "Optimizer.cs",
                "moment.IsExclusive ? moment",
                "true ? moment")),
        new(
            "a worker computes before it has the parameters",
            50,
            "Worker",
            new Edit(
                "WorkerBehaviour.cs",
                "!_assignments.TryGetValue(_version.Version, out var assign)",
                "_assignments.Values.LastOrDefault() is not { } assign")),
        new(
            "losses are added in the order of their arrival",
            50,
            "Coordinator",
            new Edit(
                "Evaluation.cs",
                "_losses[result.Piece] = result.LossSum;",
                "_losses[Array.FindIndex(_losses, loss => loss is null)] = result.LossSum;")),
        new(
            "pieces of a lost worker are given to nobody",
            500,
            "Coordinator",
            new Edit(
                "Evaluation.cs",
                "            _inHand.Remove(piece);\n            _waiting.Add(piece);\n",
                "")),
        new(
            "one of several runs of shards is forgotten",
            3_000,
            "Coordinator",
            new Edit(
                "StepInProgress.cs",
                "return runs;",
                "return runs.Count > 1 ? runs[1..] : runs;")),
        new(
            "a checkpoint has its name before its entries are synced",
            50,
            "Storage",
            new Edit(
                "CheckpointStore.cs",
                "_operations.FlushDirectory(temporary);",
                "")),
        new(
            "two coordinators get one incarnation",
            200,
            "Storage",
            new Edit(
                "Lease.cs",
                "operations.TryCreateNew(",
                "operations.Open(")),
        new(
            "the ledger is not synced before the checkpoint",
            50,
            "Storage",
            new Edit(
                "LedgerWriter.cs",
                "_file.Flush();",
                "")),
        new(
            "ranges of a worker that is gone are forgotten",
            1_000,
            "Coordinator",
            new Edit(
                "Assignment.cs",
                "            step.Withdraw(worker);\n        }\n\n        DivideAgain(now);",
                "            step.Withdraw(worker);\n        }\n")),
        new(
            "an old coordinator prunes what its successor has written",
            500,
            "Storage",
            new Edit(
                "CheckpointStore.cs",
                "names.Where(name => name.Incarnation <= _lease.Incarnation && !kept.Contains(name))",
                "_catalog.Names().Where(name => !kept.Contains(name))"),
            new Edit(
                "CheckpointStore.cs",
                "        string temporary = TemporaryName.For(path, _lease.Tag);\n        _lease.Verify();\n" +
                "        TemporaryName.Remove",
                "        string temporary = TemporaryName.For(path, _lease.Tag);\n        TemporaryName.Remove")),
        new(
            "the token hash of a result is not looked at",
            50,
            "Coordinator",
            new Edit(
                "StepInProgress.cs",
                "if (!IsOfTheseTokens(result))",
                "if (result.Range.End > shards.Count)")),
        new(
            "a result of another version counts",
            50,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                ": result.Step != _state.Version || _assignment.Find(result.Step) is null",
                ": _assignment.Find(_state.Version) is null"),
            new Edit(
                "CoordinatorBehaviour.cs",
                "        var step = _assignment.Find(result.Step)!;\n        if (",
                "        var step = _assignment.Find(_state.Version)!;\n        if (")),
        new(
            "a join during an update lets another begin",
            500,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                "            case Join join: BeginWithFirst(",
                "            case Join join: _isUpdating = false; BeginWithFirst(")),
        new(
            "a range that fails on one blames a shard that fails once on another",
            200,
            "Coordinator",
            new Edit(
                "Failures.cs",
                "alone.Where(failure => failure.Range.Start == item)",
                "_all.Where(failure => failure.Range.Contains(range))")),
        new(
            "one failure on the only worker is enough",
            50,
            "Coordinator",
            new Edit(
                "Failures.cs",
                "TimesAlone(worker, item) >= 2;",
                "TimesAlone(worker, item) >= 1;")),
        new(
            "after one step that nobody could compare none is",
            500,
            "Coordinator",
            new Edit(
                "Verification.cs",
                "step != _settled?.Step;",
                "step != _settled?.Step && !_hasSaidNo;")),
        new(
            "a comparison waits for a worker that has joined again",
            500,
            "Coordinator",
            new Edit(
                "StepInProgress.cs",
                "        _compared = _compared?.Worker == worker ? null : _compared;\n        _asked",
                "        _asked")),
        new(
            "the sums of an abandoned step are never given back",
            50,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                "            _assignment.Find(_state.Version)?.Release();\n",
                "")),
        new(
            "two results that differ count as the same",
            50,
            "Coordinator",
            new Edit(
                "Verification.cs",
                "bool isSame = first.Digest == second.Digest;",
                "bool isSame = first.Digest.Length == second.Digest.Length;")),
        new(
            "a machine that rounds differently may work",
            50,
            "Coordinator",
            new Edit(
                "Workforce.cs",
                "if (join.SelfTestHash != _selfTestHash && !settings.AllowMixed)",
                "if (join.SelfTestHash.Length != _selfTestHash.Length)")),
        new(
            "a run that has diverged goes on",
            500,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                "if (!outcome.IsFinite && _settings.Divergence == DivergencePolicy.Stop)",
                "if (!outcome.IsFinite && _settings.TotalSteps == 0)")),
        new(
            "a step that is not finite is no step",
            200,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                ": _optimizer.Skipped(_state);",
                ": _state;"),
            new Edit(
                "CoordinatorBehaviour.cs",
                "        _state.ReleaseAllBut(next);\n",
                "        if (!ReferenceEquals(next, _state)) { _state.ReleaseAllBut(next); }\n")),
        new(
            "a join divides the step in hand anew",
            200,
            "Coordinator",
            new Edit(
                "Assignment.cs",
                "if (number > current)",
                "if (number >= current)")),
        new(
            "a superseded coordinator goes on without its metrics",
            50,
            "Coordinator",
            new Edit(
                "CoordinatorBehaviour.cs",
                "_saving.EndAtOnce(lost)",
                "_ = lost")),
        new(
            "who was given up is not called back",
            2_000,
            "Coordinator",
            new Edit(
                "Workforce.cs",
                "outbox.Send(worker, new Recall(settings.Incarnation));",
                "_ = worker;")),
        new(
            "a node that is called back says nothing",
            2_000,
            "Cluster",
            new Edit(
                "NodeBehaviour.cs",
                "        _isRecalled = true;\n",
                "")),
        new(
            "a node sends its sum with the right half added to the left one twice",
            50,
            "Cluster",
            new Edit(
                "NodeBehaviour.cs",
                "                GradientSum.Add(left, right);\n",
                "                GradientSum.Add(left, right);\n                GradientSum.Add(left, right);\n")),
        new(
            "a node's sums of a step that is over are never given back",
            500,
            "Cluster",
            new Edit(
                "NodeBehaviour.cs",
                "            Forget(step);\n        }\n\n        foreach (var (piece, _) in _pieces.Where(",
                "            _steps.Remove(step);\n        }\n\n        foreach (var (piece, _) in _pieces.Where(")),
        new(
            "a run that goes on from a checkpoint begins with states of zeros",
            500,
            "Coordinator",
            new Edit(
                "StoredState.cs",
                "file.Read(states, values.Span);",
                "values.Span[states.Offset..].Clear();")),
        new(
            "a piece of a text that is tried again begins with a state of zeros",
            500,
            "Coordinator",
            new Edit(
                "Evaluation.cs",
                "inputs.IsOneText ? _state : null",
                "!inputs.IsOneText ? null : _attempts[read.Piece] > 1 ? [] : _state")),
        new(
            "states are those of the rows that a process computes, not of the batch",
            50,
            "Cluster",
            new Edit(
                "Translation.cs",
                "FirstExample = Count(tokens.FirstExample, 0, MostExamples, \"as the number of an example\"),",
                "FirstExample = 0,")),
        new(
            "bytes that were damaged on their way are used",
            50,
            "Cluster",
            new Edit(
                "BulkClient.cs",
                "if (hash.GetCurrentHashAsUInt128() != HashOf(reference))",
                "if (reference.Length < 0)")),
        new(
            "a fetch that broke off goes on at the beginning",
            50,
            "Cluster",
            new Edit(
                "BulkClient.cs",
                "destination.Write(offset, chunk.AsSpan(0, count), hash);",
                "destination.Write(0, chunk.AsSpan(0, count), hash);")),
        new(
            "an offer is given back while it is read",
            50,
            "Cluster",
            new Edit(
                "BulkOffers.cs",
                "            if (offer.Readers > 0)\n            {\n                return;\n            }\n",
                "")),
        new(
            "an offer that was read to the end is never given back",
            50,
            "Cluster",
            new Edit(
                "BulkOffers.cs",
                "if (!offer.IsWithdrawn || offer.Readers > 0)",
                "if (offer.Readers >= 0)")),
        new(
            "the next coordinator is not told that the worker is ready",
            50,
            "Cluster",
            new Edit(
                "CoordinatorLinkBehaviour.cs",
                "        if (_join is not null)",
                "        if (_incarnation < 0)")),
        new(
            "the turn of a fetch that ended is not given back",
            50,
            "Cluster",
            new Edit(
                "WorkerLinkBehaviour.cs",
                "        _fetching--;\n",
                "")),
        new(
            "a worker waits without end where it has applied",
            200,
            "Cluster",
            new Edit(
                "EmploymentBehaviour.cs",
                "        _notBefore = now + s_answer;",
                "        _notBefore = DateTimeOffset.MaxValue;")),
    ];

    public static TheoryData<string> Names => [.. s_bugs.Select(bug => bug.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Is_caught(string name)
    {
        var bug = s_bugs.Single(bug => bug.Name == name);
        var (first, most) = Environment.GetEnvironmentVariable("RNNLM_FIRST_SEED") is { Length: > 0 } seed
            ? (long.Parse(seed, CultureInfo.InvariantCulture), Unbounded)
            : (1, bug.Seeds);
        var caught = Mutant.Of(bug.Project, bug.Edits).Catch(first, most);
        output.WriteLine($"{name}: {caught?.Seeds} seeds, {caught?.Promise.Split('\n')[0]}");
        Assert.NotNull(caught);
    }

    /// <summary>The route itself is no bug, and what is built anew goes the very way.</summary>
    [Theory]
    [InlineData("Shared")]
    [InlineData("Storage")]
    [InlineData("Worker")]
    [InlineData("Coordinator")]
    [InlineData("Cluster")]
    [InlineData("Simulation")]
    public void Unchanged_sources_go_the_same_way_when_they_are_built_anew(string project)
    {
        var mutant = Mutant.Of(project);
        for (long seed = 1; seed <= 50; seed++)
        {
            var expected = Simulator.Run(seed, Faults.All);
            Assert.Equal((expected.TraceHash, expected.Broken), mutant.Run(seed));
        }
    }

    /// <summary>A change of the source that is a bug.</summary>
    /// <param name="Name">What it is.</param>
    /// <param name="Seeds">Within which it is caught.</param>
    /// <param name="Project">Below src.</param>
    /// <param name="Edits">What is changed.</param>
    private sealed record Bug(string Name, int Seeds, string Project, params Edit[] Edits);
}
