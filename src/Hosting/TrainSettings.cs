using RnnLm.Coordinator;
using RnnLm.Worker;
using static RnnLm.Hosting.Values;

namespace RnnLm.Hosting;

/// <summary>
/// The settings of <c>train</c>, each declared here and nowhere else: the options, the values of presets, what
/// config.json and so the job record, and the tables of docs/cli.md follow from it. What is kept under <c>job.</c>
/// decides bits.
/// </summary>
internal static class TrainSettings
{
    // Far beyond use; what is above is a slip that would only end in exhausted memory.
    private const int MostActors = 4096;
    private const int MostProcesses = 256;
    private const int MostLayers = 1024;
    private const int MostExtent = 1 << 20;
    private const double MostEpochs = 1e6;
    private const double MostInitial = 1e3;

    public static Setting<string[]> Corpus { get; } = new(
        "--corpus", "FILE…", "Text files in UTF-8; the preset's own text if none. The job has the SHA-256 of their " +
        "contents in order.",
        FullPaths, keys: "corpus")
    {
        AllowMultipleArgumentsPerToken = true,
    };

    public static Setting<string[]> Validation { get; } = new(
        "--valid", "FILE…",
        "Text to validate on, prepared and tokenized like the corpus; without it a part of the corpus is held out. " +
        "It decides validation losses and which checkpoint is `best`, not the parameters (but with `--schedule " +
        "plateau`).",
        FullPaths, keys: "validation")
    {
        AllowMultipleArgumentsPerToken = true,
    };

    public static Setting<int> HeldOut { get; } = new(
        "--held-out", "N", "Thousandths (0 to 900) of the corpus kept for validation, never trained on; with " +
        "`--valid`, 0.",
        text => Whole(text, 0, 900), keys: "job.plan.held_out_per_mille");

    public static Setting<string> PresetName { get; } = new(
        "--preset", "NAME",
        $"Where settings that are not given come from: " +
        $"{string.Join("; ", Preset.All.Values.Select(preset => $"`{preset.Name}`: {preset.Summary}"))}.",
        text => OneOf(text, Preset.All.Keys), Preset.Quick.Name, "preset");

    public static Setting<string> Tokenizer { get; } = new(
        "--tokenizer", "SPEC",
        "`char`: one id a character. `word` or `word:N`: words and punctuation, the N most frequent or all; others " +
        "become `<unk>`. `space` or `space:N`: the same with words between white space. `bpe:N`: N byte-pair pieces " +
        "trained on the corpus. `gpt2`, `cl100k`, `o200k`: OpenAI's. `llama`: LLaMA-2's 32,000 pieces and 11 added " +
        "tokens, fetched with npm; `llama:FILE.model`: the same from a file. `FILE.model`: a SentencePiece model.",
        Text, keys: "job.tokenizer.spec");

    public static Setting<ExampleMode> Mode { get; } = new(
        "--examples", "MODE",
        "`sentences`: one example a line, cut at the context, shorter than two tokens dropped. `windows`: contiguous " +
        "text, example i covers tokens [i·T, i·T + T].",
        Name<ExampleMode>, keys: "job.plan.mode");

    public static Setting<bool> FoldDigits { get; } = new(
        "--fold-digits", null, "Replace each run of digits by `###`.", Switch, keys: "job.corpus.fold_digits");

    public static Setting<bool> SplitSentences { get; } = new(
        "--split-sentences", null, "Sentences only: a line may hold several sentences and is split by rules for " +
        "English.",
        Switch, keys: "job.corpus.split_sentences");

    public static Setting<string?> JsonField { get; } = new(
        "--field", "NAME",
        "The corpus is JSONL, one object a line; the text of each record is this string field at the top level. " +
        "Empty lines are skipped. Sentences: a record is one sentence (line breaks count as spaces). Windows: a line " +
        "break follows each record.",
        Text, keys: "job.corpus.json_field");

    public static Setting<bool> SentenceTokens { get; } = new(
        "--sentence-tokens", null,
        "Sentences only: enclose each sentence in a start and an end token. `char` and `word` get two more ids; a " +
        "SentencePiece model must have its own. `generate` then begins with the start token and ends at the end " +
        "token.",
        Switch, keys: "job.corpus.sentence_tokens");

    public static Setting<int> Shards { get; } = new(
        "--shards", "S", "Shards of a step, a power of two. At most S threads work on a step at once.",
        text => Whole(text, 1, PlanSettings.MostShards) is var shards && int.IsPow2(shards)
            ? shards
            : throw new FormatException("it must be a power of two; use 1, 2, 4, 8, 16, …"),
        keys: "job.plan.shards");

    public static Setting<int> Batch { get; } = new(
        "--batch", "B", "Examples of a step; an epoch's last step may have fewer.",
        text => Whole(text, 1, MostExtent), keys: "job.plan.batch_size");

    public static Setting<int> Context { get; } = new(
        "--context", "T", "Sentences: most tokens of an example that are kept. Windows: inputs of an example. At " +
        "least 2.",
        text => Whole(text, 2, MostExtent), keys: "job.plan.context");

    public static Setting<int> Bptt { get; } = new(
        "--bptt", "N",
        "Windows only: the batch is B parallel streams of contiguous text, of which each step has N tokens; states " +
        "are carried from step to step and not propagated back through (truncated back-propagation through time), " +
        "also through the whole text that is evaluated, and what is held out is the end of the corpus. 0: examples " +
        "of `--context`, each from a state of zeros.",
        text => Whole(text, 0, MostExtent), "0", "job.plan.bptt");

    public static Setting<string> Cell { get; } = new(
        "--cell", "NAME",
        "What a layer is. `elman`: tanh(x·Wh + h·Uh + b). `rnn`, `rnn-relu`, `lstm`, `gru`: PyTorch's. " +
        "`jordan-hidden`, `jordan-output`: the output goes back to the hidden values, or to the next output. " +
        "`mingru`, `minlstm`: gates without the state (Feng et al., 2024). `xlstm`: an mLSTM and an sLSTM block " +
        "(Beck et al., 2024). Or a cell that the program registers.",
        text => Cells.Names.Contains(text)
            ? text
            : throw new FormatException($"this program has no such cell, only {string.Join(", ", Cells.Names)}"),
        CellDeclaration.DefaultName, "job.model.cell");

    public static Setting<int> Layers { get; } = new(
        "--layers", "L", "Stacked layers.", text => Whole(text, 1, MostLayers), keys: "job.model.layers");

    public static Setting<int> Dimension { get; } = new(
        "--dimension", "D", "Width of hidden states, and of the embedding unless it has its own.",
        text => Whole(text, 1, MostExtent), keys: "job.model.dimension");

    public static Setting<int> Embedding { get; } = new(
        "--embedding", "E", "Width of the embedding; 0 for that of hidden states.",
        text => Whole(text, 0, MostExtent), "0", "job.model.embedding");

    public static Setting<bool> Tie { get; } = new(
        "--tie", null, "The embedding is the output layer's weight, too.", Switch, "false", "job.model.tied");

    public static Setting<double> Dropout { get; } = new(
        "--dropout", "P",
        "Share of the values that training drops of what goes into each layer and into the output layer, never from " +
        "step to step; below 1.",
        text => Number(text, 0) is var share and < 1 ? share : throw new FormatException("it must be below 1"),
        "0", "job.model.dropout");

    public static Setting<bool> Bidirectional { get; } = new(
        "--bidirectional", null,
        "Refused: a language model predicts the next token, which a layer that reads from the end has seen.",
        text => Switch(text)
            ? throw new FormatException(
                "a layer that reads from the end has seen the token that is to be predicted; leave it out")
            : false);

    public static Setting<double> LearningRate { get; } = new(
        "--lr", "X", "Step size, the schedule's peak.", text => Positive(text),
        keys: ["job.optimizer.learning_rate", "learning_rate"]);

    public static Setting<OptimizerKind> Optimizer { get; } = new(
        "--optimizer", "NAME",
        "As PyTorch's of these names: `adam`; `adamw`: Adam with decoupled weight decay; `sgd`: gradient descent, " +
        "without dampening and Nesterov's momentum. Adam's β₁ is 0.9, β₂ 0.999, ε 1e-8.",
        Name<OptimizerKind>, "adam", "job.optimizer.kind");

    public static Setting<double> WeightDecay { get; } = new(
        "--weight-decay", "X",
        "By how much all parameters shrink: with `adam` and `sgd` X times the parameter is added to its gradient, " +
        "with `adamw` the parameter is multiplied by 1 − X · rate. If not given, 0.01 with `adamw`.",
        text => Number(text, 0), "0", "job.optimizer.weight_decay");

    public static Setting<double> Momentum { get; } = new(
        "--momentum", "X",
        "With `--optimizer sgd`: the update follows the sum of all gradients so far, which each step multiplies by X " +
        "before it adds its own.",
        text => Number(text, 0, 1), "0", "job.optimizer.momentum")
    {
        OnlyWith = (Optimizer, ["sgd"]),
    };

    public static Setting<ScheduleKind> Schedule { get; } = new(
        "--schedule", "KIND",
        "What the learning rate does after the warm-up: `constant`. `cosine`: falls along half a cosine to a tenth " +
        "of the peak. `epoch-decay`: is multiplied by `--decay` with each epoch after the first `--decay-after`. " +
        "`plateau`: is multiplied by `--decay` after each evaluation that has not improved on the best so far.",
        Name<ScheduleKind>, keys: "job.optimizer.schedule.kind");

    public static Setting<long> ScheduleSteps { get; } = new(
        "--schedule-steps", "N",
        "With `--schedule cosine`: the step at which the rate has fallen; 0 for the last step that the run was begun " +
        "with.",
        text => Whole(text, 0L), "0", "job.optimizer.schedule.total_steps")
    {
        OnlyWith = (Schedule, ["cosine"]),
    };

    public static Setting<double> Decay { get; } = new(
        "--decay", "X",
        "With `--schedule epoch-decay` or `plateau`, which need it: what the rate is multiplied by, below 1.",
        text => Positive(text, 1), "1", "job.optimizer.schedule.decay")
    {
        OnlyWith = (Schedule, ["epoch-decay", "plateau"]),
    };

    public static Setting<long> DecayAfter { get; } = new(
        "--decay-after", "N", "With `--schedule epoch-decay`: epochs at the full rate.",
        text => Whole(text, 0L), "1", "job.optimizer.schedule.decay_after")
    {
        OnlyWith = (Schedule, ["epoch-decay"]),
    };

    public static Setting<long> Warmup { get; } = new(
        "--warmup", "N", "Steps in which the learning rate grows linearly to its peak.",
        text => Whole(text, 0L), keys: "job.optimizer.schedule.warmup_steps");

    public static Setting<double> Clip { get; } = new(
        "--clip", "X",
        "Largest L2 norm of the mean gradient: a gradient of norm n is multiplied by X / (n + 1e-6) where that is " +
        "below 1; 0 for no clipping.",
        text => Number(text, 0),
        keys: ["job.optimizer.clip_norm", "clip"]);

    public static Setting<long> Seed { get; } = new(
        "--seed", "N",
        "Initial parameters, what dropout drops, what samples draw at the end and, except with `--bptt`, the " +
        "held-out examples and each epoch's order.",
        text => Whole(text, long.MinValue), "1",
        "job.seed", "job.plan.seed", "seed");

    public static Setting<string?> InitialWeights { get; } = new(
        "--init", "FILE",
        "Begin with the parameters of this `model.safetensors`; names and shapes must be the model's. The job has " +
        "its SHA-256. Not with `--resume`.",
        FullPath);

    public static Setting<double> InitUniform { get; } = new(
        "--init-uniform", "X",
        "First values of all parameters: uniform in [-X, X), but for a padding row of zeros. 0: uniform in a range " +
        "of their own, by Xavier for matrices, [0, 1) for vectors, or what the cell declares. Not with `--init`.",
        text => Number(text, 0, MostInitial), "0", "job.init_uniform");

    public static Setting<long?> Steps { get; } = new(
        "--steps", "N", "Stop at this step. With `--resume` the run's, unless `--epochs` is " +
        "given.",
        text => Whole(text, 0L), keys: "total_steps");

    public static Setting<double> Epochs { get; } = new(
        "--epochs", "X", "Stop after this many passes, rounded up to a step; may be a fraction. Not together with " +
        "`--steps`.",
        text => Positive(text, MostEpochs));

    public static Setting<long> Patience { get; } = new(
        "--patience", "N",
        "End the run when N evaluations in a row have not improved on the best, with exit code 0; 0 for never. A run " +
        "that is resumed counts on.",
        text => Whole(text, 0L), "0", "patience");

    public static Setting<DivergencePolicy> OnDivergence { get; } = new(
        "--on-divergence", "P",
        "A loss or gradient norm that is not finite: `stop` ends the run with exit code 5 and the version before it " +
        "saved; `skip` leaves the step out and records it.",
        Name<DivergencePolicy>, "stop", "on_divergence");

    public static Setting<string?> Run { get; } = new(
        "--run", "DIR", "The [run directory](run-directory.md): new, empty, or with `--resume` a run; " +
        "`runs/PRESET-1`, `-2`, … if not given.",
        FullPath);

    public static Setting<bool> Resume { get; } = new(
        "--resume", null,
        "Go on with the run in `--run`: from its newest good checkpoint, with its corpus, settings and last step " +
        "where none are given.",
        Switch);

    public static Setting<int> Workers { get; } = new(
        "--workers", "N", "Worker actors on the CPU. With CUDA there is one a GPU and this is not " +
        "used.",
        text => Whole(text, 1, MostActors), "1");

    public static Setting<int?> Threads { get; } = new(
        "--threads", "N",
        "Shards that each worker computes side by side; cores ÷ workers (of all processes), at least 1, if not " +
        "given. The optimizer uses as many as the workers have together, at most the cores; tokenizing uses all cores.",
        text => Whole(text, 1, MostActors));

    public static Setting<int> Processes { get; } = new(
        "--processes", "N",
        "Worker processes on this machine, which `train` starts, watches and starts again when they end; 0 for " +
        "workers in the process of `train` itself. Each has `--workers` workers, with CUDA its share of the GPUs.",
        text => Whole(text, 0, MostProcesses), "0");

    public static Setting<int> MaxRestarts { get; } = new(
        "--max-restarts", "N",
        "How often a worker process of `--processes` is started again that ends within a minute, before it is given " +
        "up. Without any the run ends with exit code 4.",
        text => Whole(text, 0), "5");

    public static Setting<int> MinWorkers { get; } = new(
        "--min-workers", "N",
        "Workers, or worker processes, that the first step waits for; later the run goes on with any that there are.",
        text => Whole(text, 1, MostActors), "1", "min_workers");

    public static Setting<string> Device { get; } = new(
        "--device", "D",
        "`cpu`; `cuda`: every GPU; `cuda:0,2`: these; `auto`: every GPU if there is one, else the CPU. CPU or CUDA " +
        "is part of the job's `numerics`.",
        Text, "auto");

    public static Setting<bool> AllowMixed { get; } = new(
        "--allow-mixed", null,
        "Let machines that round differently work on the run (another `numerics`, or workers whose self-test " +
        "differs), which is then recorded as not reproducible.",
        Switch);

    public static Setting<long> VerifyEvery { get; } = new(
        "--verify-every", "N",
        "Every N steps one range of the step is computed by a second worker too and compared to the bit; 0 for " +
        "never. Finds a machine that computes wrongly, at the price of that range's time.",
        text => Whole(text, 0L), "0", "verify_every");

    public static Setting<MismatchPolicy> OnMismatch { get; } = new(
        "--on-mismatch", "P",
        "Two workers that differ in `--verify-every`: `stop` ends the run with exit code 4 and the version before " +
        "the step saved; `continue` goes on without both while there is a third, and computes the step anew.",
        Name<MismatchPolicy>, "stop", "on_mismatch");

    public static Setting<long> EvaluateEvery { get; } = new(
        "--evaluate-every", "N", "Steps between evaluations; 0 for the last only.",
        text => Whole(text, 0L), keys: "evaluate_every");

    public static Setting<long> CheckpointEvery { get; } = new(
        "--checkpoint-every", "N",
        "Steps between checkpoints; 0 for the first and last only. An evaluation that is the best so far is saved too.",
        text => Whole(text, 0L), keys: "checkpoint_every");

    public static Setting<int> Keep { get; } = new(
        "--keep", "K", "Newest checkpoints that are kept, besides step 0 and the best.",
        text => Whole(text, 1), "3", "keep_last");

    public static Setting<long> KeepEvery { get; } = new(
        "--keep-every", "M", "Also keep checkpoints whose step is a multiple of M; 0 for " +
        "none.",
        text => Whole(text, 0L), "0", "keep_every");

    public static Setting<string[]> Prompts { get; } = new(
        "--prompt", "TEXT",
        "Continued greedily at each evaluation before the last step, unless that of the one before is under way, and " +
        "sampled at the end; may be repeated. Prompts with characters that the vocabulary lacks are passed over.",
        Texts, keys: "prompts");

    public static Setting<string?> Profile { get; } = new(
        "--profile", "FILE",
        "Write what each thread does, and when, to this file, which is replaced: a trace of at most a million events " +
        "for chrome://tracing or ui.perfetto.dev. Of the process of `train` itself: worker processes of " +
        "`--processes` are not in it.",
        FullPath);

    public static Setting<bool> Json { get; } = new("--json", null, "One JSON object a line on standard output, " +
        "below.",
        Switch);

    /// <summary>All of them, as help and documentation have them.</summary>
    public static IReadOnlyList<(string Heading, IReadOnlyList<ISetting> Settings)> Groups { get; } =
    [
        ("What is trained on",
        [
            Corpus, Validation, HeldOut, PresetName, Tokenizer, Mode, FoldDigits, SplitSentences, JsonField,
            SentenceTokens,
        ]),
        ("The model and its training",
        [
            Shards, Batch, Context, Bptt, Cell, Layers, Dimension, Embedding, Tie, Dropout, Bidirectional, Optimizer,
            LearningRate, WeightDecay, Momentum, Schedule, ScheduleSteps, Decay, DecayAfter, Warmup, Clip, Seed,
            InitialWeights, InitUniform, Steps, Epochs, Patience, OnDivergence,
        ]),
        ("How it runs",
        [
            Run, Resume, Workers, Threads, Processes, MaxRestarts, MinWorkers, Device, AllowMixed, VerifyEvery,
            OnMismatch, EvaluateEvery, CheckpointEvery, Keep, KeepEvery, Prompts, Profile, Json,
        ]),
    ];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<ISetting> All { get; } = [.. Groups.SelectMany(group => group.Settings)];

    /// <summary>The setting of an option.</summary>
    public static ISetting Of(string name) => All.Single(setting => setting.Option.Name == name);
}
