namespace RnnLm.Compare;

/// <summary>What one process did.</summary>
/// <param name="TokensPerSecond">Predicted tokens over seconds of the steps that count.</param>
/// <param name="PeakMb">Largest resident memory, 10⁶ bytes.</param>
/// <param name="IdleShare">Share of the time in which no worker computes; 0 where it is not known.</param>
internal sealed record Measurement(double TokensPerSecond, double PeakMb, double IdleShare = 0);

/// <summary>Something that is measured once a round.</summary>
internal sealed record Candidate(string Name, Func<Measurement> Run)
{
    public List<Measurement> Measured { get; } = [];

    public IReadOnlyList<double> Speeds => [.. Measured.Select(each => each.TokensPerSecond)];

    public double PeakMb => Statistics.Median(Measured.Select(each => each.PeakMb));
}

/// <summary>Runs candidates against each other, and prints what came out.</summary>
internal sealed class Comparison(ComparisonOptions options)
{
    private readonly Rnnlm _ours = new(Program.Root);
    private readonly Rnnlm? _theirs = options.Against is null ? null : new Rnnlm(options.Against);

    /// <summary>This build beside the one before it and beside libtorch on its own.</summary>
    public void WithBaselines(Configuration configuration)
    {
        var (workspace, train, steps) = Prepare(configuration);
        List<Candidate> candidates =
        [
            new($"rnnlm, {Program.Cores} threads", () => _ours.Train(workspace.NewRun("run"), train)),
        ];
        if (_theirs is not null)
        {
            candidates.Add(new(_theirs.Name, () => _theirs.Train(workspace.NewRun("run"), train)));
        }

        string own = $"libtorch's nn.{options.Cell?.ToUpperInvariant() ?? "RNN"}";
        foreach (var (kind, name) in new[] { ("rnn", own), ("loop", "time loop in libtorch") })
        {
            candidates.Add(BestOfThreads(
                name, (threads, count) => TrainBaseline(workspace, kind, threads, count), steps));
        }

        if (options.PyTorch)
        {
            candidates.AddRange(PyTorch.Candidates(workspace, steps, BestOfThreads));
        }

        List<ProductRate> rates = [];
        RunRounds(candidates, () => rates.Add(ProductRate.MeasureApart()));
        double one = Statistics.Median(rates.Select(rate => rate.One));
        double all = Statistics.Median(rates.Select(rate => rate.All));
        var model = PrintHeader(configuration, workspace, steps);
        Console.WriteLine(
            "libtorch's products of lm-book's output layer: " +
            $"{one:0} GFLOP/s on one thread, {all:0} on {Program.Cores} at once");

        // Matrix products of one token's forward pass, and twice that for the gradients.
        double flopPerToken = 6.0 * ParameterLayout.For(model).Segments.Skip(1)
            .Where(segment => segment.Shape.Count > 1).Sum(segment => (double)segment.Length);
        PrintTable(candidates, flopPerToken / (all * 1e9));
        if (_theirs is not null)
        {
            var ratios = Ratios(candidates[0], candidates[1]);
            Console.WriteLine(
                $"this ÷ {_theirs.Name}, round by round: " +
                $"{string.Join(" ", ratios.Select(ratio => $"{ratio:0.000}"))}; " +
                $"median {Statistics.Median(ratios):0.000}");
        }
    }

    /// <summary>Two workers of one thread beside one worker of two.</summary>
    public void OfWorkers(Configuration configuration)
    {
        var (workspace, train, steps) = Prepare(configuration);
        var candidates = new[] { (1, 2), (2, 1) }.Select(pair =>
        {
            var (workers, threads) = pair;
            string[] divided = [.. train, "--workers", $"{workers}", "--threads", $"{threads}"];
            return new Candidate(
                $"{workers} × {threads} (workers × threads)", () => _ours.Train(workspace.NewRun("run"), divided));
        }).ToList();
        RunRounds(candidates);
        PrintHeader(configuration, workspace, steps);
        PrintTable(candidates);
        foreach (var candidate in candidates)
        {
            double idle = Statistics.Median(candidate.Measured.Select(each => each.IdleShare));
            Console.WriteLine($"{candidate.Name}: no worker computes during {idle:P1} of the time");
        }

        double reached = Statistics.Median(Ratios(candidates[1], candidates[0]));
        Console.WriteLine($"two workers reach {reached:P1} of one worker with two threads");
    }

    /// <summary>Seconds until the first step of <c>rnnlm train</c>: quick preset, corpus and build cached.</summary>
    public void OfStart()
    {
        var workspace = Workspace.Create("start");
        List<string> train = ["train", "--json"];
        train.AddRange(options.Corpus is null ? [] : ["--corpus", options.Corpus]);
        train.AddRange(options.Tokenizer is null ? [] : ["--tokenizer", options.Tokenizer]);
        var starts = new List<(string Name, IReadOnlyList<string> Command, List<double> Seconds)>
        {
            ("./rnnlm train", [_ours.Launcher, .. train], []),
            ("the same without the launcher", _ours.Command([.. train]), []),
        };
        if (_theirs is not null)
        {
            starts.Add(($"{_theirs.Launcher} train", [_theirs.Launcher, .. train], []));
        }

        // The first of each fills the caches and does not count.
        for (int round = 0; round <= options.Rounds; round++)
        {
            foreach (var (name, command, seconds) in starts)
            {
                seconds.Add(Rnnlm.SecondsToFirstStep([.. command, "--run", workspace.NewRun("run")]));
                Console.Error.WriteLine(
                    $"start {round}/{options.Rounds}: {name}: {seconds[^1]:0.00} s (load {Load()})");
            }
        }

        Console.WriteLine(
            $"\nseconds from the start of the process to the first step, quick preset; medians of {options.Rounds}");
        Table.Print(["", "seconds", "min … max"], starts.Select(start =>
        {
            var counted = start.Seconds.Skip(1).ToList();
            string spread = $"{counted.Min():0.00} … {counted.Max():0.00}";
            return new[] { start.Name, $"{Statistics.Median(counted):0.00}", spread };
        }));
    }

    /// <summary>Fixes the batches; also returns the options of <c>rnnlm train</c> and the steps of a process.</summary>
    private (Workspace Workspace, IReadOnlyList<string> Train, int Steps) Prepare(Configuration configuration)
    {
        int steps = options.Steps ?? configuration.Steps;
        var workspace = Workspace.Create(configuration.Name);
        List<string> train =
            [.. configuration.Options.Split(' '), .. workspace.TextOptions(configuration, options.Corpus)];
        if (options.Tokenizer is not null && configuration.Name == "lm-book")
        {
            train.AddRange(["--tokenizer", options.Tokenizer]);
        }

        train.AddRange(options.Cell is null ? [] : ["--cell", options.Cell]);

        // Without held-out text the last step is not followed by an evaluation.
        train.AddRange(["--steps", $"{steps}", "--held-out", "0", "--evaluate-every", "0", "--checkpoint-every", "0"]);
        workspace.MakePlan(_ours, train, steps);
        return (workspace, train, steps);
    }

    private static Measurement TrainBaseline(Workspace workspace, string kind, int threads, int steps)
    {
        var (output, peakMb) = ChildProcess.Run(
            [.. Program.Own, "baseline", kind, workspace.Root, $"{threads}", $"{steps}"],
            ("OMP_NUM_THREADS", $"{threads}"));
        return new Measurement(StepTimes.Parse(output).TokensPerSecond, peakMb);
    }

    /// <summary>With one thread or all cores, by a short trial: all cores are not always the best.</summary>
    private static Candidate BestOfThreads(string name, Func<int, int, Measurement> train, int steps)
    {
        int threads = new[] { 1, Program.Cores }.Distinct()
            .MaxBy(count => train(count, Program.WarmupSteps + 2).TokensPerSecond);
        return new Candidate($"{name}, {threads} thread{(threads == 1 ? "" : "s")}", () => train(threads, steps));
    }

    /// <summary>
    /// One process of every candidate a round, so that what else the machine does meets all alike; every other round in
    /// the opposite order.
    /// </summary>
    private void RunRounds(List<Candidate> candidates, Action? before = null)
    {
        for (int round = 1; round <= options.Rounds; round++)
        {
            before?.Invoke();
            foreach (var candidate in round % 2 == 1 ? candidates : Enumerable.Reverse(candidates))
            {
                var measured = candidate.Run();
                candidate.Measured.Add(measured);
                Console.Error.WriteLine(
                    $"round {round}/{options.Rounds}: {candidate.Name}: {measured.TokensPerSecond:N0} tokens/s, " +
                    $"{measured.PeakMb:N0} MB (load {Load()})");
            }
        }
    }

    private ModelSettings PrintHeader(Configuration configuration, Workspace workspace, int steps)
    {
        var job = workspace.ReadJob();
        Console.WriteLine(
            $"\n{configuration.Name}: vocabulary {job.Model.VocabularySize:N0}, dimension {job.Model.Dimension}, " +
            $"{job.Model.Layers} layers, batch {job.Plan.BatchSize}, context {job.Plan.Context}, float32; " +
            $"medians of {options.Rounds}, {steps - Program.WarmupSteps} steps each");
        return job.Model;
    }

    private static void PrintTable(List<Candidate> candidates, double? secondsOfProductsPerToken = null)
    {
        var first = candidates[0];
        List<string> titles = ["", "tokens/s", "min … max", "ours ÷", "min … max", "peak MB", "÷ ours"];
        titles.AddRange(secondsOfProductsPerToken is null ? [] : ["of products"]);
        Table.Print(titles, candidates.Select(candidate =>
        {
            double speed = Statistics.Median(candidate.Speeds);
            var ratios = Ratios(first, candidate);
            List<string> row =
            [
                candidate.Name,
                $"{speed:N0}",
                $"{candidate.Speeds.Min():N0} … {candidate.Speeds.Max():N0}",
                $"{Statistics.Median(ratios):0.00}",
                $"{ratios.Min():0.00} … {ratios.Max():0.00}",
                $"{candidate.PeakMb:N0}",
                $"{candidate.PeakMb / first.PeakMb:0.00}",
            ];
            row.AddRange(secondsOfProductsPerToken is { } seconds ? [$"{speed * seconds:P1}"] : []);
            return row;
        }));
    }

    /// <summary>Speed of one over speed of the other, round by round.</summary>
    private static IReadOnlyList<double> Ratios(Candidate one, Candidate other) =>
        [.. one.Speeds.Zip(other.Speeds, (a, b) => a / b)];

    private static string Load() => File.ReadAllText("/proc/loadavg").Split(' ')[0];
}
