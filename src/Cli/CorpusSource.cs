using RnnLm.Coordinator;
using RnnLm.Data;

namespace RnnLm.Cli;

/// <summary>Loads corpora with the machine's cores and cache, and shows how far it is.</summary>
/// <param name="view">Where to show it; null for nowhere.</param>
internal sealed class CorpusSource(ITrainingView? view = null)
{
    /// <summary>Where packages, vocabularies and token files are kept.</summary>
    public string Cache { get; } = CacheDirectory.Default();

    /// <summary>A corpus with a tokeniser of this kind.</summary>
    public Corpus Load(string name, IEnumerable<string> patterns, CorpusSettings settings, TokenizerSpec spec) =>
        Loader(name).Load(patterns, settings, spec);

    /// <summary>A corpus with a tokeniser that exists.</summary>
    public Corpus Load(string name, IEnumerable<string> patterns, CorpusSettings settings, ITokenizer tokenizer) =>
        Loader(name).Load(patterns, settings, tokenizer);

    private CorpusLoader Loader(string name) => new(Cache, Environment.ProcessorCount, progress =>
    {
        string doing = progress.Phase switch
        {
            LoadPhase.Reading => $"reading {name}",
            LoadPhase.Vocabulary => $"making the vocabulary from {name}",
            _ => $"encoding {name}",
        };
        view?.Preparing(doing, progress.TotalBytes == 0 ? 1 : progress.DoneBytes / (double)progress.TotalBytes);
    });
}
