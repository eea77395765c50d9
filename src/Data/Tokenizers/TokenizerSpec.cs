using System.Globalization;

namespace RnnLm.Data;

/// <summary>The kinds of tokenizer; those up to BytePairs are made from the corpus.</summary>
public enum TokenizerKind
{
    Characters, // One id a character.
    Words, // One id a word or punctuation mark.
    SpacedWords, // One id a word between white space.
    BytePairs, // Byte-pair tokens trained on the corpus.
    Published, // A published byte-pair vocabulary: gpt2, cl100k or o200k.
    Llama, // LLaMA-2's 32,000 pieces and the 11 added tokens of Phi-3.5-mini.
    Model, // A SentencePiece model as its file says.
}

/// <summary>The <c>--tokenizer</c> option.</summary>
/// <param name="Kind">Which kind.</param>
/// <param name="Size">word, space: most words kept, or null for all; bpe: vocabulary size.</param>
/// <param name="Name">llama: the file, or null for the npm package; model: the file; published: which.</param>
public sealed record TokenizerSpec(TokenizerKind Kind, int? Size = null, string? Name = null)
{
    /// <summary>Most words or pieces that may be asked for.</summary>
    public const int MostSize = 1_000_000;

    /// <summary>Whether its vocabulary comes from the corpus.</summary>
    public bool IsTrained => Kind <= TokenizerKind.BytePairs;

    /// <summary>Reads the option.</summary>
    /// <exception cref="RnnLmException">Usage: none of the forms.</exception>
    public static TokenizerSpec Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string name = colon < 0 ? text : text[..colon];
        string? argument = colon < 0 ? null : text[(colon + 1)..];
        return (name, argument) switch
        {
            ("char", null) => new TokenizerSpec(TokenizerKind.Characters),
            ("word", null) => new TokenizerSpec(TokenizerKind.Words),
            ("word", _) => new TokenizerSpec(TokenizerKind.Words, ParsedSize(text, argument, least: 1)),
            ("space", null) => new TokenizerSpec(TokenizerKind.SpacedWords),
            ("space", _) => new TokenizerSpec(TokenizerKind.SpacedWords, ParsedSize(text, argument, least: 1)),
            ("bpe", not null) => new TokenizerSpec(
                TokenizerKind.BytePairs, ParsedSize(text, argument, BytePairTraining.Bytes)),
            ("gpt2" or "cl100k" or "o200k", null) => new TokenizerSpec(TokenizerKind.Published, Name: name),
            ("llama", null) => new TokenizerSpec(TokenizerKind.Llama),
            ("llama", { Length: > 0 }) => new TokenizerSpec(TokenizerKind.Llama, Name: argument),
            _ when text.EndsWith(".model", StringComparison.Ordinal) =>
                new TokenizerSpec(TokenizerKind.Model, Name: text),
            _ => throw RnnLmException.Usage(
                $"--tokenizer {text}: unknown; use char, word, word:N, space, space:N, bpe:N, gpt2, cl100k, o200k, "
                + "llama, llama:FILE.model or the path of a SentencePiece .model"),
        };
    }

    /// <summary>The option's text, but of a file only the name.</summary>
    public override string ToString() => Kind switch
    {
        TokenizerKind.Characters => "char",
        TokenizerKind.Words => Size is int words ? $"word:{words}" : "word",
        TokenizerKind.SpacedWords => Size is int words ? $"space:{words}" : "space",
        TokenizerKind.BytePairs => $"bpe:{Size}",
        TokenizerKind.Published => Name!,
        TokenizerKind.Llama => "llama",
        _ => Path.GetFileName(Name!),
    };

    private static int ParsedSize(string text, string argument, int least) =>
        int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out int size)
        && size >= least && size <= MostSize
            ? size
            : throw RnnLmException.Usage(
                $"--tokenizer {text}: the size must be a whole number from {least} to {MostSize}, e.g. bpe:8000");
}
