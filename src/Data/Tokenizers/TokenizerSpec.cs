using System.Globalization;

namespace RnnLm.Data;

/// <summary>The kinds of tokenizer.</summary>
public enum TokenizerKind
{
    /// <summary>One id a character.</summary>
    Characters,

    /// <summary>One id a word or punctuation mark.</summary>
    Words,

    /// <summary>Byte-pair pieces trained on the corpus.</summary>
    BytePairs,

    /// <summary>LLaMA-2's 32,000 pieces and the 11 added tokens of Phi-3.5-mini.</summary>
    Llama,

    /// <summary>A SentencePiece model as its file says.</summary>
    Model,
}

/// <summary>The <c>--tokenizer</c> option: <c>char</c>, <c>word[:N]</c>, <c>bpe:N</c>, <c>llama[:FILE.model]</c> or <c>FILE.model</c>.</summary>
/// <param name="Kind">Which kind.</param>
/// <param name="Size">word: most words kept, or null for all; bpe: vocabulary size.</param>
/// <param name="ModelPath">llama: the file with the pieces, or null for those of the npm package; model: the file.</param>
public sealed record TokenizerSpec(TokenizerKind Kind, int? Size = null, string? ModelPath = null)
{
    /// <summary>Most words or pieces that may be asked for.</summary>
    public const int MostSize = 1_000_000;

    /// <summary>Whether its vocabulary comes from the corpus.</summary>
    public bool IsTrained => Kind is TokenizerKind.Characters or TokenizerKind.Words or TokenizerKind.BytePairs;

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
            ("word", _) => new TokenizerSpec(TokenizerKind.Words, ParseSize(text, argument)),
            ("bpe", not null) => new TokenizerSpec(TokenizerKind.BytePairs, ParseSize(text, argument)),
            ("llama", null) => new TokenizerSpec(TokenizerKind.Llama),
            ("llama", { Length: > 0 }) => new TokenizerSpec(TokenizerKind.Llama, ModelPath: argument),
            _ when text.EndsWith(".model", StringComparison.Ordinal) => new TokenizerSpec(TokenizerKind.Model, ModelPath: text),
            _ => throw RnnLmException.Usage(
                $"--tokenizer {text}: unknown; use char, word, word:N, bpe:N, llama, llama:FILE.model or the path of a SentencePiece .model"),
        };
    }

    private static int ParseSize(string text, string? argument) =>
        int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out int size) && size is > 0 and <= MostSize
            ? size
            : throw RnnLmException.Usage($"--tokenizer {text}: the size must be a whole number from 1 to {MostSize}, e.g. bpe:8000");

    /// <summary>The option's text, but of a file only the name.</summary>
    public override string ToString() => Kind switch
    {
        TokenizerKind.Characters => "char",
        TokenizerKind.Words => Size is int words ? $"word:{words}" : "word",
        TokenizerKind.BytePairs => $"bpe:{Size}",
        TokenizerKind.Llama => "llama",
        _ => Path.GetFileName(ModelPath!),
    };
}
