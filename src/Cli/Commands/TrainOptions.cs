using System.CommandLine;
using System.Globalization;
using System.Numerics;
using RnnLm.Coordinator;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>The options of <c>train</c>: what they are called, and how they and a preset make a <see cref="TrainRequest"/>.</summary>
internal sealed class TrainOptions
{
    // Far beyond use; what is above is a slip that would only end in exhausted memory.
    private const int MostShards = 1 << 16;
    private const int MostActors = 4096;
    private const int MostLayers = 1024;
    private const int MostExtent = 1 << 20;
    private const double MostEpochs = 1e6;
    private const int DefaultKeepLast = 3;

    private readonly Option<string[]> _corpus = FilesOption.Create("--corpus", "Text files or globs to train on (default: the preset's corpus)");

    private readonly Option<string?> _run = new("--run") { Description = "Run directory (default: runs/PRESET-1, -2, …)", HelpName = "DIR" };

    private readonly Option<string[]> _valid = FilesOption.Create("--valid", "Text files to validate on (default: a part of the corpus is held out)");

    private readonly Option<string?> _preset = new("--preset")
    {
        Description = string.Join("; ", Preset.All.Values.Select(preset => $"{preset.Name}: {preset.Summary}")) + " (default: quick)",
    };

    private readonly Option<string?> _tokenizer = new("--tokenizer")
    {
        Description = "char, word[:N], bpe:N, llama, or the path of a SentencePiece .model",
        HelpName = "SPEC",
    };

    private readonly Option<string?> _examples = new("--examples") { Description = "sentences: one example a line; windows: contiguous text" };
    private readonly Option<bool?> _foldDigits = new("--fold-digits") { Description = "Replace each run of digits by ###" };
    private readonly Option<bool?> _splitSentences = new("--split-sentences") { Description = "Split each line into sentences" };
    private readonly Option<string?> _field = new("--field") { Description = "The corpus is JSON, one object a line: its text is this string field", HelpName = "NAME" };
    private readonly Option<bool?> _sentenceTokens = new("--sentence-tokens") { Description = "Enclose each sentence in a start and an end token" };
    private readonly Option<int?> _heldOut = new("--held-out") { Description = "Thousandths of the corpus kept for validation", HelpName = "N" };
    private readonly Option<int> _workers = new("--workers") { Description = "Worker actors", DefaultValueFactory = _ => 1, HelpName = "N" };
    private readonly Option<int?> _threads = new("--threads") { Description = "Threads of each worker (default: the machine's cores shared out)", HelpName = "N" };
    private readonly Option<int?> _shards = new("--shards") { Description = "Shards of a step: a power of two; part of the job", HelpName = "S" };
    private readonly Option<long?> _steps = new("--steps") { Description = "Stop at this step", HelpName = "N" };
    private readonly Option<double?> _epochs = new("--epochs") { Description = "Stop after this many passes over the corpus", HelpName = "N" };
    private readonly Option<int?> _batch = new("--batch") { Description = "Examples of a step", HelpName = "B" };
    private readonly Option<int?> _context = new("--context") { Description = "Tokens of an example", HelpName = "T" };
    private readonly Option<int?> _layers = new("--layers") { Description = "Stacked Elman units", HelpName = "L" };
    private readonly Option<int?> _dimension = new("--dimension") { Description = "Width of embedding and hidden states", HelpName = "D" };
    private readonly Option<double?> _learningRate = new("--lr") { Description = "Adam's step size (its peak)", HelpName = "X" };
    private readonly Option<string?> _schedule = new("--schedule") { Description = "constant, or cosine: falls to a tenth at the last step" };
    private readonly Option<long?> _warmup = new("--warmup") { Description = "Steps in which the learning rate grows to its peak", HelpName = "N" };
    private readonly Option<double?> _clip = new("--clip") { Description = "Largest norm of a gradient; 0 for no clipping", HelpName = "X" };
    private readonly Option<long?> _seed = new("--seed") { Description = "Seed of initial parameters, held-out split and shuffles (default: 1)", HelpName = "N" };
    private readonly Option<string> _device = new("--device")
    {
        Description = "auto, cpu, or cuda[:i,…]: one worker for each GPU named",
        DefaultValueFactory = _ => "auto",
        HelpName = "DEVICE",
    };

    private readonly Option<long?> _evaluateEvery = new("--evaluate-every") { Description = "Steps between evaluations; 0 for the last only", HelpName = "N" };
    private readonly Option<long?> _checkpointEvery = new("--checkpoint-every") { Description = "Steps between checkpoints; 0 for the first and last only", HelpName = "N" };
    private readonly Option<int?> _keep = new("--keep") { Description = "Newest checkpoints that are kept, besides step 0 and the best (default: 3)", HelpName = "K" };
    private readonly Option<long?> _keepEvery = new("--keep-every") { Description = "Also keep the checkpoints whose step is a multiple of this; 0 for none", HelpName = "M" };
    private readonly Option<string?> _init = new("--init") { Description = "Begin with the parameters of this model.safetensors", HelpName = "FILE" };
    private readonly Option<bool> _allowMixed = new("--allow-mixed")
    {
        Description = "Let machines that round differently work on the run, which is recorded as not reproducible",
    };

    private readonly Option<bool> _resume = new("--resume") { Description = "Go on with the run in --run; settings that are not given are the run's" };

    private readonly Option<string?> _onDivergence = new("--on-divergence")
    {
        Description = "stop (default): end with the last good parameters saved; skip: leave the step out and record it",
    };

    private readonly Option<string[]> _prompts = new("--prompt") { Description = "Beginnings that the trained model continues, one each", HelpName = "TEXT" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object a line" };

    public IEnumerable<Option> All =>
    [
        _corpus, _run, _valid, _preset, _tokenizer, _examples, _foldDigits, _splitSentences, _field, _sentenceTokens, _heldOut, _workers, _threads, _shards, _steps, _epochs,
        _batch, _context, _layers, _dimension, _learningRate, _schedule, _warmup, _clip, _seed, _device, _evaluateEvery, _checkpointEvery, _keep, _keepEvery, _init, _resume, _allowMixed,
        _onDivergence, _prompts, _json,
    ];

    /// <summary>Options and preset together.</summary>
    /// <exception cref="RnnLmException">A value cannot be used (exit code 2).</exception>
    public TrainRequest Read(ParseResult parsed)
    {
        string? runPath = parsed.GetValue(_run);
        RunConfig? resumed = null;
        if (parsed.GetValue(_resume))
        {
            resumed = RunConfig.Read(RunDirectory.Open(runPath ?? throw RnnLmException.Usage("--resume needs --run: the run to go on with")));
        }

        var preset = PresetOf(parsed.GetValue(_preset), resumed);
        if (parsed.GetValue(_steps) is not null && parsed.GetValue(_epochs) is not null)
        {
            throw RnnLmException.Usage("--steps and --epochs say the same thing in two ways; give one of them");
        }

        int shards = AtLeast(_shards, parsed.GetValue(_shards) ?? preset.Shards, 1, MostShards);
        if (!BitOperations.IsPow2(shards))
        {
            throw RnnLmException.Usage($"--shards {shards} is not a power of two; use 1, 2, 4, 8, 16, …");
        }

        var mode = ParseName(_examples, parsed.GetValue(_examples), preset.Mode);
        int workers = AtLeast(_workers, parsed.GetValue(_workers), 1, MostActors);
        return new TrainRequest
        {
            Preset = preset,
            Resumed = resumed,
            Corpus = parsed.GetValue(_corpus) is { Length: > 0 } corpus ? corpus : resumed?.Corpus ?? [],
            RunPath = runPath,
            Validation = parsed.GetValue(_valid) is { Length: > 0 } valid ? valid : resumed?.Validation ?? [],
            Tokenizer = parsed.GetValue(_tokenizer) ?? preset.Tokenizer,
            Mode = mode,
            FoldDigits = parsed.GetValue(_foldDigits) ?? preset.FoldDigits,
            SplitSentences = mode == ExampleMode.Sentences && (parsed.GetValue(_splitSentences) ?? preset.SplitSentences),
            JsonField = parsed.GetValue(_field) ?? resumed?.Job.Corpus.JsonField,
            SentenceTokens = parsed.GetValue(_sentenceTokens) ?? resumed?.Job.Corpus.SentenceTokens ?? false,
            HeldOutPerMille = AtLeast(_heldOut, parsed.GetValue(_heldOut) ?? preset.HeldOutPerMille, 0, 900),
            Workers = workers,
            ThreadsPerWorker = AtLeast(_threads, parsed.GetValue(_threads) ?? Math.Max(1, Environment.ProcessorCount / workers), 1, MostActors),
            Shards = shards,
            Steps = parsed.GetValue(_steps) is { } steps ? AtLeast(_steps, steps, 0) : parsed.GetValue(_epochs) is null ? resumed?.TotalSteps : null,
            Epochs = AtMost(_epochs, Positive(_epochs, parsed.GetValue(_epochs) ?? preset.Epochs), MostEpochs),
            BatchSize = AtLeast(_batch, parsed.GetValue(_batch) ?? preset.BatchSize, 1, MostExtent),
            Context = AtLeast(_context, parsed.GetValue(_context) ?? preset.Context, 2, MostExtent),
            Layers = AtLeast(_layers, parsed.GetValue(_layers) ?? preset.Layers, 1, MostLayers),
            Dimension = AtLeast(_dimension, parsed.GetValue(_dimension) ?? preset.Dimension, 1, MostExtent),
            LearningRate = Positive(_learningRate, parsed.GetValue(_learningRate) ?? preset.LearningRate),
            Schedule = ParseName(_schedule, parsed.GetValue(_schedule), preset.Schedule),
            WarmupSteps = AtLeast(_warmup, parsed.GetValue(_warmup) ?? preset.WarmupSteps, 0L),
            Clip = AtLeast(_clip, parsed.GetValue(_clip) ?? preset.Clip, 0),
            Seed = parsed.GetValue(_seed) ?? resumed?.Seed ?? 1,
            Device = parsed.GetRequiredValue(_device),
            EvaluateEvery = AtLeast(_evaluateEvery, parsed.GetValue(_evaluateEvery) ?? preset.EvaluateEvery, 0L),
            CheckpointEvery = AtLeast(_checkpointEvery, parsed.GetValue(_checkpointEvery) ?? preset.CheckpointEvery, 0L),
            OnDivergence = ParseName(_onDivergence, parsed.GetValue(_onDivergence), resumed?.OnDivergence ?? DivergencePolicy.Stop),
            Prompts = parsed.GetValue(_prompts) is { Length: > 0 } prompts ? prompts : preset.Prompts,
            InitialWeights = InitialWeights(parsed.GetValue(_init), resumed),
            KeepLast = AtLeast(_keep, parsed.GetValue(_keep) ?? resumed?.KeepLast ?? DefaultKeepLast, 1),
            KeepEvery = AtLeast(_keepEvery, parsed.GetValue(_keepEvery) ?? resumed?.KeepEvery ?? 0L, 0L),
            AllowMixed = parsed.GetValue(_allowMixed),
            Json = parsed.GetValue(_json),
        };
    }

    private static string? InitialWeights(string? path, RunConfig? resumed) =>
        path is null || resumed is null ? path : throw RnnLmException.Usage("--init begins a run and --resume goes on with one; give one of them");

    /// <summary>Where settings come from that are not given: the run that is resumed, or a preset.</summary>
    private static Preset PresetOf(string? name, RunConfig? resumed)
    {
        if (resumed is not null && (name is null || name == resumed.Preset))
        {
            return Preset.Of(resumed);
        }

        return Preset.All.GetValueOrDefault(name ?? Preset.Quick.Name)
            ?? throw RnnLmException.Usage($"--preset {name}: there is no such preset; use {string.Join(", ", Preset.All.Keys)}");
    }

    private static T AtLeast<T>(Option option, T value, T least, T? most = null)
        where T : struct, INumber<T>
    {
        if (T.IsNaN(value) || T.IsInfinity(value) || value < least || value > most)
        {
            string range = value > most ? $"at most {most}" : $"{least} or more";
            throw RnnLmException.Usage(string.Create(CultureInfo.InvariantCulture, $"{option.Name} {value}: it must be {range}"));
        }

        return value;
    }

    private static double AtMost(Option option, double value, double most) => value <= most
        ? value
        : throw RnnLmException.Usage(string.Create(CultureInfo.InvariantCulture, $"{option.Name} {value}: it must be at most {most}"));

    private static double Positive(Option option, double value) =>
        value > 0 && double.IsFinite(value)
            ? value
            : throw RnnLmException.Usage(string.Create(CultureInfo.InvariantCulture, $"{option.Name} {value}: it must be greater than 0"));

    private static T ParseName<T>(Option option, string? text, T otherwise)
        where T : struct, Enum
    {
        if (text is null)
        {
            return otherwise;
        }

        return Enum.TryParse(text, ignoreCase: true, out T value) && !char.IsAsciiDigit(text[0])
            ? value
            : throw RnnLmException.Usage($"{option.Name} {text}: use {string.Join(" or ", Enum.GetNames<T>()).ToLowerInvariant()}");
    }
}
