using System.Buffers;
using System.Text;

namespace RnnLm.Data;

/// <summary>Encoding of strings.</summary>
public static class TokenizerExtensions
{
    /// <summary>The ids of a whole text.</summary>
    /// <exception cref="RnnLmException">Bad input: a character that the vocabulary lacks and has no unknown token for.</exception>
    public static int[] Encode(this ITokenizer tokenizer, ReadOnlySpan<char> text)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        byte[] utf8 = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        int length = Encoding.UTF8.GetBytes(text, utf8);
        var ids = new ArrayBufferWriter<int>();
        tokenizer.Encode(utf8.AsSpan(0, length), startsText: true, ids);
        return ids.WrittenSpan.ToArray();
    }

    internal static void RequireIds(this ITokenizer tokenizer, ReadOnlySpan<int> ids)
    {
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)tokenizer.VocabularySize)
            {
                throw new ArgumentOutOfRangeException(nameof(ids), id, $"The vocabulary has {tokenizer.VocabularySize} ids.");
            }
        }
    }
}
