using RnnLm.Shared.Jobs;

namespace RnnLm.Data.Corpora;

/// <summary>How the text of a corpus is prepared before it is tokenised; part of the job.</summary>
/// <param name="Mode">
/// Sentences: each line is one, white space around it and empty lines dropped. Windows: the files joined in their order, every character kept.
/// </param>
/// <param name="FoldDigits">Replace each run of the digits 0–9 by <c>###</c> (row A10 of the reference material).</param>
/// <param name="SplitSentences">Sentences only: a line may hold many sentences and is split by <see cref="SentenceSplitter"/>.</param>
public sealed record CorpusSettings(ExampleMode Mode, bool FoldDigits = false, bool SplitSentences = false)
{
    /// <summary>One line that stands for these settings in cache keys: never change what it says for settings that exist.</summary>
    public string CacheKey => $"mode={Mode};fold-digits={FoldDigits};split-sentences={SplitSentences}";
}
