using RnnLm.Data;
using RnnLm.Storage;

namespace RnnLm.Hosting;

/// <summary>A run opened to read: its job, its tokenizer, its checkpoints.</summary>
internal sealed class StoredRun
{
    private readonly RunDirectory _run;

    /// <summary>The option that names it.</summary>
    public static Setting<string> Option() => new("--run", "DIR", "Run directory", Values.FullPath) { Required = true };

    /// <summary>The option that says which of its checkpoints to read.</summary>
    public static Setting<bool> BestOption() => new(
        "--best", null, "Read the checkpoint with the lowest validation loss instead of the newest", Values.Switch);

    /// <summary>Opens a run.</summary>
    /// <exception cref="RnnLmException">There is none, or it is damaged.</exception>
    public StoredRun(string path)
    {
        _run = RunDirectory.Open(path);
        Config = RunConfig.Read(_run);
        Tokenizer = TokenizerDirectory.Load(_run.TokenizerDirectory);
    }

    public RunConfig Config { get; }

    public ITokenizer Tokenizer { get; }

    /// <summary>Reads something of the checkpoint with the lowest validation loss, or of the newest that is as it was
    /// written, although the run may be trained and pruned meanwhile.</summary>
    /// <exception cref="RnnLmException">There is none.</exception>
    public T Read<T>(bool best, Func<Checkpoint, T> read)
        where T : class => best
            ? _run.Checkpoints.ReadBest(read) ?? throw RnnLmException.BadInput(
                $"'{_run.Root}' has no checkpoint that was validated; leave out --best, which reads the newest")
            : _run.Checkpoints.ReadNewest(read) ?? throw RnnLmException.BadInput(
                $"'{_run.Root}' has no checkpoint that can be used; train it first");

    /// <summary>The plan of the run over its training text.</summary>
    public Plan PlanOver(Corpus corpus) =>
        new(CorpusExamples.ForTraining(corpus.Tokens, Config.Job.Plan).Training, Config.Job.Plan);

    /// <summary>The run's training text, which must be what it was.</summary>
    /// <exception cref="RnnLmException">The files are gone or have changed.</exception>
    public Corpus LoadCorpus()
    {
        var source = new CorpusSource();
        var preset = Preset.All[Config.Get(TrainSettings.PresetName)];
        var patterns = source.Patterns(preset, Config.Get(TrainSettings.Corpus));
        var corpus = source.Load("the corpus", patterns, CorpusSource.SettingsOf(Config.Job), Tokenizer);
        if (corpus.ContentHash != Config.Job.Corpus.Hash)
        {
            string found = corpus.ContentHash;
            corpus.Dispose();
            throw RnnLmException.BadInput(
                $"the corpus of '{_run.Root}' ({string.Join(' ', patterns.Take(3))}) has changed: " +
                $"its SHA-256 was {Config.Job.Corpus.Hash[..12]}…, now it is {found[..12]}…; restore the files");
        }

        return corpus;
    }
}
