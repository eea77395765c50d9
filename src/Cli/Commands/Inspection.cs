using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using RnnLm.Coordinator;
using RnnLm.Data;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>
/// Inspects a run: each checkpoint's hashes, shapes and job; the ledger from its first step to the final checkpoint;
/// and prints job and history.
/// </summary>
internal sealed class RunInspection
{
    private readonly List<KeyValuePair<string, string>> _facts = [];
    private readonly List<string> _problems = [];
    private readonly RunDirectory _run;
    private readonly RunConfig _config;

    private RunInspection(string path)
    {
        _run = RunDirectory.Open(path);
        _config = RunConfig.Read(_run);
    }

    /// <summary>Whether a path is a run directory rather than a checkpoint.</summary>
    public static bool IsRun(string path) =>
        File.Exists(Path.Combine(path, "config.json")) || !File.Exists(Path.Combine(path, "state.json"));

    /// <summary>The report.</summary>
    /// <param name="path">The run directory.</param>
    /// <param name="withPlan">Whether to read the corpus again and hold every step of the ledger against the
    /// plan.</param>
    /// <exception cref="RnnLmException">There is no run, or its corpus cannot be read.</exception>
    public static InspectionReport Run(string path, bool withPlan)
    {
        var inspection = new RunInspection(path);
        inspection.DescribeJob();
        var newest = inspection.VerifyCheckpoints();
        inspection.VerifyTokenizer();
        inspection.VerifyLedger(newest);
        if (withPlan && newest is not null && inspection._problems.Count == 0)
        {
            inspection.VerifyPlan(path, newest.State.Step);
        }

        return new InspectionReport(inspection._facts, inspection._problems);
    }

    private void DescribeJob()
    {
        Fact("run", _run.Root);
        Fact("preset", _config.Get(TrainSettings.PresetName));
        Fact("job", _config.JobHash);
        var job = JsonSerializer.SerializeToElement(_config.Job, JobFormat.JsonOptions);
        foreach (string setting in Settings(job, string.Empty))
        {
            int end = setting.IndexOf('=', StringComparison.Ordinal);
            Fact("  " + setting[..end], setting[(end + 1)..]);
        }

        Fact("parameters", ParameterLayout.For(_config.Job.Model).Length.ToString("N0", CultureInfo.InvariantCulture));
        string[] corpus = _config.Get(TrainSettings.Corpus);
        string more = corpus.Length > 2 ? $" and {corpus.Length - 2} more" : string.Empty;
        Fact("corpus", corpus.Length == 0 ? "the preset's" : string.Join(' ', corpus.Take(2)) + more);
        Fact("reproducible", _config.Reproducible ? "yes" : "no: machines that round differently have worked on it");
    }

    private static IEnumerable<string> Settings(JsonElement element, string prefix) =>
        element.ValueKind == JsonValueKind.Object
            ? element.EnumerateObject().SelectMany(member => Settings(member.Value, $"{prefix}.{member.Name}"))
            : [$"{prefix.TrimStart('.')}={element}"];

    private Checkpoint? VerifyCheckpoints()
    {
        Checkpoint? newest = null;
        var layout = ParameterLayout.For(_config.Job.Model);
        foreach (long step in _run.Checkpoints.Steps())
        {
            var check = _run.Checkpoints.Check(step);
            if (check is { Damage: { } damage })
            {
                _problems.Add($"checkpoint of step {step}: {damage}");
                continue;
            }

            if (check?.Checkpoint is not { } checkpoint || !TryVerifyShapes(checkpoint, layout))
            {
                Fact($"step {step}", "removed while it was read: the run is being trained");
                continue;
            }

            if (checkpoint.State.JobHash != _config.JobHash)
            {
                _problems.Add($"checkpoint of step {step} belongs to job {checkpoint.State.JobHash[..12]}…");
            }

            newest = checkpoint;
            string loss = checkpoint.State.ValidationLoss is { } validation
                ? string.Create(CultureInfo.InvariantCulture, $", validation loss {validation:F4}")
                : string.Empty;
            Fact($"step {step}", $"{checkpoint.State.Tokens:N0} tokens{loss}, model sha256 " +
                $"{checkpoint.Hashes[CheckpointNames.Model]}");
        }

        if (newest is null)
        {
            _problems.Add("there is no checkpoint that can be used");
        }

        return newest;
    }

    /// <summary>False when the checkpoint was removed meanwhile.</summary>
    private bool TryVerifyShapes(Checkpoint checkpoint, ParameterLayout layout)
    {
        try
        {
            using var model = checkpoint.OpenModel();
            using var optimizer = checkpoint.OpenOptimizer();
            RequireLayout(model, layout, string.Empty);
            foreach (string moment in _config.Job.Optimizer.Moments)
            {
                RequireLayout(optimizer, layout, StoredState.PrefixOf(moment));
            }
        }
        catch (RnnLmException failure)
        {
            if (_run.Checkpoints.IsRemoved(checkpoint.Path))
            {
                return false;
            }

            _problems.Add($"checkpoint of step {checkpoint.State.Step}: {failure.Message}");
        }

        return true;
    }

    private static void RequireLayout(SafetensorsFile file, ParameterLayout layout, string prefix) =>
        file.ReadLayout(layout, new float[layout.Length], prefix);

    private void VerifyTokenizer()
    {
        try
        {
            var tokenizer = TokenizerDirectory.Load(_run.TokenizerDirectory);
            if (tokenizer.Hash != _config.Job.Tokenizer.Hash)
            {
                _problems.Add("the tokenizer is not the job's");
            }
        }
        catch (RnnLmException failure)
        {
            _problems.Add(failure.Message);
        }
    }

    /// <summary>Each step up to the newest checkpoint once, in order, with the hash chain that the checkpoint
    /// recorded.</summary>
    private void VerifyLedger(Checkpoint? newest)
    {
        LedgerContent ledger;
        try
        {
            ledger = _run.ReadLedger();
        }
        catch (RnnLmException failure)
        {
            _problems.Add(failure.Message);
            return;
        }

        if (ledger.Damage is { } damage)
        {
            _problems.Add($"ledger.json: {damage}");
        }

        long steps = newest?.State.Step ?? 0;
        if (ledger.Entries.Count < steps)
        {
            _problems.Add($"ledger.json has {ledger.Entries.Count} steps, the newest checkpoint {steps}");
            return;
        }

        for (int index = 0; index < steps; index++)
        {
            if (ledger.Entries[index].Step != index)
            {
                _problems.Add($"ledger.json: entry {index} is step {ledger.Entries[index].Step}");
                return;
            }
        }

        if (newest is not null && ledger.ChainAt((int)steps).ToString() != newest.State.Ledger.ToString())
        {
            _problems.Add("ledger.json is not the lineage of the newest checkpoint");
        }

        var committed = ledger.Entries.Take((int)steps).ToList();
        if (newest is not null && committed.Sum(entry => entry.IsSkipped ? 0 : entry.Tokens) != newest.State.Tokens)
        {
            _problems.Add("the tokens of the ledger are not those of the newest checkpoint");
        }

        Fact("ledger", $"{steps} steps, {ledger.Entries.Take((int)steps).Count(entry => entry.IsSkipped)} skipped, " +
            $"chain {ledger.ChainAt((int)steps)}");
    }

    /// <summary>The tokens of every committed step are the plan's: with a plan that has each example once an epoch,
    /// each was trained on once.</summary>
    private void VerifyPlan(string path, long steps)
    {
        var stored = new StoredRun(path);
        using var corpus = stored.LoadCorpus();
        var plan = stored.PlanOver(corpus);
        var entries = _run.ReadLedger().Entries;
        for (int step = 0; step < steps; step++)
        {
            if (TokenHash.OfRange(plan.Step(step)) != entries[step].TokenHash)
            {
                _problems.Add($"ledger.json: step {step} was computed from other tokens than the plan's");
            }
        }

        Fact("plan", $"each of {plan.ExamplesPerEpoch:N0} examples once an epoch; {steps} steps compared");
    }

    private void Fact(string name, string value) => _facts.Add(new(name, value));
}

/// <summary>Inspects one checkpoint by itself: its hashes, its state, the tensors in its files.</summary>
internal static class CheckpointInspection
{
    /// <summary>The report.</summary>
    /// <exception cref="RnnLmException">It is no checkpoint, or it is damaged.</exception>
    public static InspectionReport Run(string path)
    {
        var checkpoint = Checkpoint.Open(path);
        var facts = new List<KeyValuePair<string, string>>();
        void Fact(string name, string value) => facts.Add(new(name, value));

        var state = checkpoint.State;
        Fact("checkpoint", checkpoint.Path);
        Fact("step", state.Step.ToString(CultureInfo.InvariantCulture));
        Fact("epoch", state.Epoch.ToString(CultureInfo.InvariantCulture));
        Fact("examples", state.ExamplesSeen.ToString(CultureInfo.InvariantCulture));
        Fact("tokens", state.Tokens.ToString(CultureInfo.InvariantCulture));
        Fact("validation loss", state.ValidationLoss?.ToString("F6", CultureInfo.InvariantCulture) ?? "not evaluated");
        Fact("job", state.JobHash);
        Fact("ledger", state.Ledger.ToString());
        foreach (var (name, hash) in checkpoint.Hashes)
        {
            Fact(name, $"sha256 {hash}");
        }

        using var model = checkpoint.OpenModel();
        foreach (var tensor in model.Tensors)
        {
            Fact(tensor.Name, $"[{string.Join(", ", tensor.Shape)}]");
        }

        long parameters = model.Tensors.Sum(tensor => tensor.ElementCount);
        Fact("parameters", parameters.ToString("N0", CultureInfo.InvariantCulture));
        return new InspectionReport(facts, []);
    }
}

/// <summary>What <c>inspect</c> found: facts in the order in which they are printed, and everything that is not as it
/// should be.</summary>
internal sealed record InspectionReport(
    IReadOnlyList<KeyValuePair<string, string>> Facts, IReadOnlyList<string> Problems)
{
    /// <summary>Of the JSON form.</summary>
    public static JsonSerializerOptions JsonOptions { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Prints the report for people.</summary>
    public void WriteTo(TextWriter output)
    {
        int width = Facts.Count == 0 ? 0 : Facts.Max(fact => TextWidth.Of(fact.Key));
        foreach (var (name, value) in Facts)
        {
            output.WriteLine($"{name}{new string(' ', width - TextWidth.Of(name))}  {value}");
        }

        foreach (string problem in Problems)
        {
            output.WriteLine($"PROBLEM  {problem}");
        }

        output.WriteLine(Problems.Count == 0 ? "everything verified" : $"{Problems.Count} problems");
    }
}
