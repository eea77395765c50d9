using Xunit.Abstractions;

namespace RnnLm.Tests;

/// <summary>Bugs that a trainer of this kind could well have, each written into the product's source: the simulator
/// finds it. How many seeds it takes stands in docs/simulation.md.</summary>
public sealed class Planted_bugs(ITestOutputHelper output)
{
    /// <summary>What it is · file below src · text · replacement · seeds within which it is caught.</summary>
    public static TheoryData<string, string, string, string, int> All { get; } = new()
    {
        {
            "a range is accepted whose ancestor is filled", "Shared/ReductionTree.cs",
            "for (int index = Index(range); index >= 1; index >>= 1)",
            "for (int index = Index(range), once = 0; once == 0; once++)", 500
        },
        {
            "a duplicate counts as an answer", "Coordinator/StepInProgress.cs",
            "return isUsed ? null : \"duplicate\";", "return null;", 500
        },
        {
            "an evaluation of another version is accepted", "Coordinator/Evaluation.cs",
            "if (result.Version != _version || ", "if (_version is null || ", 500
        },
        {
            "a worker evaluates the version it holds, not the one asked for", "Worker/WorkerBehaviour.cs",
            "if (_version is null || evaluate.Version > _version.Version)", "if (_version is null)", 500
        },
        {
            "a silent worker is waited for without end", "Coordinator/Workforce.cs",
            "now - member.Since >= roster.Silence)", "now - member.Since >= TimeSpan.MaxValue)", 2_000
        },
        {
            "a range is asked again under its old number", "Coordinator/StepInProgress.cs",
            "int attempt = _attempts.GetValueOrDefault((worker, range)) + 1;", "int attempt = 1;", 500
        },
        {
            "ranges begun in one step count as begun in the next", "Worker/WorkerBehaviour.cs",
            "        _version = publish.Version;\n        _begunAttempts.Clear();",
            "        _version = publish.Version;", 500
        },
        {
            "a worker gives parameters back before its device is done", "Worker/WorkerBehaviour.cs",
            "new ComputeRange(_incarnation, _version.Retain(), ", "new ComputeRange(_incarnation, _version, ", 500
        },
        {
            "a worker never gives old parameters back", "Worker/WorkerBehaviour.cs",
            "        _version?.Release();\n        _version = publish.Version;",
            "        _version = publish.Version;", 500
        },
        {
            "a rejected gradient is never given back", "Coordinator/CoordinatorBehaviour.cs",
            "            result.Release();\n            _outbox.Report(new ResultDropped(result.Step",
            "            _outbox.Report(new ResultDropped(result.Step", 500
        },
        {
            "an old state is never given back", "Coordinator/CoordinatorBehaviour.cs",
            "        _state.ReleaseAllBut(next);\n", "", 500
        },
        {
            "an evaluation that was due is not made up", "Coordinator/CoordinatorBehaviour.cs",
            "bool wasEvaluationDue = _settings.IsResumed &&", "bool wasEvaluationDue = false &&", 500
        },
        {
            "a file is not synced before its checkpoint counts", "Storage/AtomicFile.cs",
            "        _file.Flush();\n        return Convert", "        return Convert", 500
        },
        {
            "a directory is not synced before its checkpoint counts", "Storage/CheckpointStore.cs",
            "        _operations.Rename(temporary, path);\n        _operations.FlushDirectory(_directory);\n" +
            "        return path;",
            "        _operations.Rename(temporary, path);\n        return path;", 500
        },
        {
            "the ledger is not cut back on resume", "Storage/LedgerWriter.cs",
            "content.Entries.Take((int)steps).Select(", "content.Entries.Select(", 500
        },
        {
            "a coordinator that lost the run does not notice", "Storage/Lease.cs",
            "if (newest != Incarnation)", "if (newest < Incarnation)", 500
        },
    };

    [Theory]
    [MemberData(nameof(All))]
    public void Is_caught(string bug, string file, string find, string replacement, int seeds)
    {
        var caught = Mutant.Of(file, find, replacement).Catch(first: 1, seeds);
        output.WriteLine($"{bug}: {caught}");
        Assert.NotNull(caught);
    }

    /// <summary>The route itself is no bug.</summary>
    [Theory]
    [InlineData("Shared/ReductionTree.cs")]
    [InlineData("Storage/AtomicFile.cs")]
    [InlineData("Worker/WorkerBehaviour.cs")]
    [InlineData("Coordinator/CoordinatorBehaviour.cs")]
    public void Unchanged_sources_keep_every_promise(string file) =>
        Assert.Null(Mutant.Of(file, string.Empty, string.Empty).Catch(first: 1, 100));
}
