namespace RnnLm.Data;

/// <summary>A corpus ready to be cut into examples.</summary>
/// <param name="ContentHash">See <see cref="CorpusReader.ContentHash"/>.</param>
/// <param name="Tokenizer">What its ids mean.</param>
/// <param name="Tokens">Its ids.</param>
public sealed record Corpus(string ContentHash, ITokenizer Tokenizer, TokenFile Tokens) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Tokens.Dispose();
}
