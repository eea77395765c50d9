using System.Globalization;

namespace RnnLm.Data;

/// <summary>
/// Splits text into words and punctuation marks. A word is a run of letters, marks, digits, <c>_</c> and <c>#</c> (folded digits), with apostrophes and
/// hyphens inside it; <c>&lt;unk&gt;</c>, which published word-level corpora contain, is one; every other character that is not white space stands alone.
/// </summary>
public ref struct WordSplitter
{
    /// <summary>How corpora write a word that is not in the vocabulary.</summary>
    public const string Unknown = "<unk>";

    private ReadOnlySpan<char> _rest;

    public WordSplitter(ReadOnlySpan<char> text) => _rest = text;

    /// <summary>The word that <see cref="MoveNext"/> found.</summary>
    public ReadOnlySpan<char> Current { get; private set; }

    /// <summary>For <c>foreach</c>.</summary>
    public readonly WordSplitter GetEnumerator() => this;

    /// <summary>Goes on to the next word; false at the end.</summary>
    public bool MoveNext()
    {
        _rest = _rest.TrimStart();
        if (_rest.IsEmpty)
        {
            return false;
        }

        int length = _rest.StartsWith(Unknown, StringComparison.Ordinal) ? Unknown.Length : WordLength(_rest);
        Current = _rest[..length];
        _rest = _rest[length..];
        return true;
    }

    private static int WordLength(ReadOnlySpan<char> text)
    {
        int length = 0;
        while (length < text.Length)
        {
            int characters = char.IsHighSurrogate(text[length]) && length + 1 < text.Length ? 2 : 1;
            bool joins = length > 0 && text[length] is '\'' or '’' or '-' && length + 1 < text.Length && IsWordCharacter(text[(length + 1)..]);
            if (!joins && !IsWordCharacter(text[length..]))
            {
                return length > 0 ? length : characters;
            }

            length += characters;
        }

        return length;
    }

    private static bool IsWordCharacter(ReadOnlySpan<char> text)
    {
        char first = text[0];
        if (char.IsAscii(first))
        {
            return char.IsAsciiLetterOrDigit(first) || first is '_' or '#';
        }

        System.Text.Rune.DecodeFromUtf16(text, out System.Text.Rune rune, out _);
        return System.Text.Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
            or UnicodeCategory.EnclosingMark or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
    }
}
