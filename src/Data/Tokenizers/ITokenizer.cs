using System.Buffers;
using System.Text;

namespace RnnLm.Data;

/// <summary>Turns text into token ids in [0, VocabularySize) and back. Immutable; for any threads.</summary>
public interface ITokenizer
{
    /// <summary>What kind it is, in the form of the <c>--tokenizer</c> option, without folders.</summary>
    string Spec { get; }

    /// <summary>
    /// SHA-256, in lower-case hexadecimal, of everything that decides its ids: two tokenizers with one hash encode
    /// alike.
    /// </summary>
    string Hash { get; }

    /// <summary>V, number of ids.</summary>
    int VocabularySize { get; }

    /// <summary>Id of the padding token; -1 when there is none.</summary>
    int PaddingId { get; }

    /// <summary>Id that stands for what is not in the vocabulary; -1 when there is none.</summary>
    int UnknownId { get; }

    /// <summary>
    /// Id of the token that starts a sequence, <c>&lt;s&gt;</c>; -1 when there is none. Text never encodes to it and it
    /// decodes to nothing.
    /// </summary>
    int StartId { get; }

    /// <summary>
    /// Id of the token that ends a sequence, <c>&lt;/s&gt;</c>; -1 when there is none. Text never encodes to it and it
    /// decodes to nothing.
    /// </summary>
    int EndId { get; }

    /// <summary>Appends the ids of a stretch of text.</summary>
    /// <param name="utf8">Valid UTF-8.</param>
    /// <param name="startsText">False when it continues text whose ids came before.</param>
    /// <param name="ids">Receives the ids.</param>
    /// <exception cref="RnnLmException">Bad input: a character that the vocabulary lacks.</exception>
    void Encode(ReadOnlySpan<byte> utf8, bool startsText, IBufferWriter<int> ids);

    /// <summary>The text of ids that start a text.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id outside the vocabulary.</exception>
    string Decode(ReadOnlySpan<int> ids);

    /// <summary>The files, by name, that <see cref="TokenizerDirectory.Load"/> needs besides its own.</summary>
    IReadOnlyDictionary<string, byte[]> Files { get; }
}

/// <summary>What all tokenizers share.</summary>
public static class TokenizerExtensions
{
    /// <summary>The ids of a whole text.</summary>
    /// <exception cref="RnnLmException">Bad input: a character that the vocabulary lacks.</exception>
    public static int[] Encode(this ITokenizer tokenizer, string text)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var ids = new ArrayBufferWriter<int>();
        tokenizer.Encode(Encoding.UTF8.GetBytes(text), startsText: true, ids);
        return ids.WrittenSpan.ToArray();
    }

    internal static void RequireIds(this ITokenizer tokenizer, ReadOnlySpan<int> ids)
    {
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)tokenizer.VocabularySize)
            {
                string size = $"The vocabulary has {tokenizer.VocabularySize} ids.";
                throw new ArgumentOutOfRangeException(nameof(ids), id, size);
            }
        }
    }

    internal static void Append(this IBufferWriter<int> ids, IReadOnlyList<int> encoded)
    {
        Span<int> destination = ids.GetSpan(encoded.Count);
        for (int i = 0; i < encoded.Count; i++)
        {
            destination[i] = encoded[i];
        }

        ids.Advance(encoded.Count);
    }
}
