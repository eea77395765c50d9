using RnnLm.Coordinator;
using RnnLm.Data;

namespace RnnLm.Hosting;

/// <summary>Finds and loads corpora with the machine's cores and cache, and shows how far it is.</summary>
/// <param name="view">Where to show it; null for nowhere.</param>
internal sealed class CorpusSource(ITrainingView? view = null)
{
    private readonly PackageStore _packages = new(
        CacheDirectory.Default(), progress: view is null ? null : view.Preparing);

    /// <summary>How a job's text is prepared.</summary>
    public static CorpusSettings SettingsOf(Job job) => new(
        job.Plan.Mode,
        job.Corpus.FoldDigits,
        job.Corpus.SplitSentences,
        job.Corpus.JsonField,
        job.Corpus.SentenceTokens);

    /// <summary>The files to read: those given, or those of the preset's own text, which is fetched where the cache
    /// lacks it.</summary>
    /// <exception cref="RnnLmException">The preset has no text of its own, or it cannot be fetched.</exception>
    public IReadOnlyList<string> Patterns(Preset preset, IReadOnlyList<string> given)
    {
        if (given.Count > 0)
        {
            return given;
        }

        return preset.DefaultCorpus?.Invoke(_packages)
            ?? throw RnnLmException.Usage(
                $"--preset {preset.Name} has no corpus of its own; give --corpus FILE…, {preset.Needs}");
    }

    /// <summary>A corpus with a tokenizer of this kind.</summary>
    public Corpus Load(string name, IEnumerable<string> patterns, CorpusSettings settings, TokenizerSpec spec) =>
        Loader(name).Load(patterns, settings, spec);

    /// <summary>A corpus with a tokenizer that exists.</summary>
    public Corpus Load(string name, IEnumerable<string> patterns, CorpusSettings settings, ITokenizer tokenizer) =>
        Loader(name).Load(patterns, settings, tokenizer);

    private CorpusLoader Loader(string name) =>
        new(_packages, Environment.ProcessorCount, view is null ? null : view.Preparing, name);
}
