using System.Text.Json;

namespace RnnLm.Data;

/// <summary>How the text of a corpus is prepared before it is tokenised; part of the job.</summary>
/// <param name="Mode">
/// Sentences: each line is one, white space around it and empty lines dropped. Windows: the files joined in their order, every character kept.
/// </param>
/// <param name="FoldDigits">Replace each run of the digits 0–9 by <c>###</c> (row A10 of the reference material).</param>
/// <param name="SplitSentences">Sentences only: a line may hold many sentences and is split by <see cref="SentenceSplitter"/>.</param>
/// <param name="JsonField">
/// Null for plain text. Otherwise each line is a JSON object and its text is this field, a string (row A11 of the reference material); empty lines are
/// skipped. Sentences: one record is one sentence, a line break in its text counts as a space. Windows: a line break follows the text of each record.
/// </param>
/// <param name="SentenceTokens">Sentences only: a start and an end token enclose each sentence (row B10 of the reference material).</param>
public sealed record CorpusSettings(
    ExampleMode Mode, bool FoldDigits = false, bool SplitSentences = false, string? JsonField = null, bool SentenceTokens = false)
{
    /// <summary>One line that stands for these settings in cache keys: never change what it says for settings that exist.</summary>
    public string CacheKey => $"mode={Mode};fold-digits={FoldDigits};split-sentences={SplitSentences}"
        + (JsonField is null ? "" : $";json-field=\"{JsonEncodedText.Encode(JsonField)}\"")
        + (SentenceTokens ? ";sentence-tokens=True" : "");

    /// <summary>Returns when the settings make sense together.</summary>
    /// <exception cref="RnnLmException">Usage: one of them is for another mode.</exception>
    internal void Require()
    {
        if (SentenceTokens && Mode != ExampleMode.Sentences)
        {
            throw RnnLmException.Usage("--sentence-tokens: windows of running text have no sentences to enclose; use --examples sentences or leave it out");
        }
    }
}
