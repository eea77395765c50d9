using System.Collections.Frozen;

namespace RnnLm.Data;

/// <summary>
/// Splits English prose into sentences by rule: a sentence ends at <c>. ! ? …</c> (and the quotes and brackets that
/// close it) before white space and a capital, a digit or an opening quote, unless the full stop belongs to an
/// abbreviation or an initial.
/// </summary>
public static class SentenceSplitter
{
    private const string Terminators = ".!?…";
    private const string Closing = "\"'”’)]»";
    private const string Opening = "\"'“‘([«";

    // What is followed by a name or a number rather than by a new sentence.
    private static readonly FrozenSet<string> Abbreviations = FrozenSet.ToFrozenSet(
        [
            "mr", "mrs", "ms", "messrs", "dr", "prof", "rev", "hon", "st", "gen", "col", "capt", "maj", "lt", "lieut",
            "sgt", "adm", "gov", "sen", "rep", "pres", "sec", "mt", "ft", "no", "nos", "vol", "art", "fig", "pp", "vs",
            "viz", "cf", "approx", "jan", "feb", "aug", "sept", "oct", "nov", "dec",
        ],
        StringComparer.OrdinalIgnoreCase);

    // After "U.S." these begin a sentence; other capitals ("U.S. Senate") go on with the name.
    private static readonly FrozenSet<string> Starters = FrozenSet.ToFrozenSet(
        [
            "A", "After", "All", "Also", "An", "And", "As", "At", "But", "For", "From", "He", "Here", "How", "However",
            "I", "If", "In", "It", "Last", "Let", "More", "My", "Not", "Now", "On", "Our", "She", "Since", "So", "Some",
            "That", "The", "Then", "There", "These", "They", "This", "Those", "To", "Today", "We", "What", "When",
            "While", "With", "You", "Your",
        ],
        StringComparer.Ordinal);

    /// <summary>The sentences in order, without the white space around them; none is empty.</summary>
    public static List<Range> Split(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var sentences = new List<Range>();
        int start = SkipWhiteSpace(text, 0);
        for (int position = start; position < text.Length;)
        {
            int stop = text.AsSpan(position).IndexOfAny(Terminators);
            if (stop < 0)
            {
                break;
            }

            stop += position;
            position = EndOfRun(text, stop);
            int next = SkipWhiteSpace(text, position);
            bool isBetween = next > position && next < text.Length;
            if (isBetween && BeginsSentence(text, next) && !IsAbbreviated(text, start, stop, next))
            {
                sentences.Add(start..position);
                start = next;
            }
        }

        int last = text.AsSpan().TrimEnd().Length;
        if (start < last)
        {
            sentences.Add(start..last);
        }

        return sentences;
    }

    private static int EndOfRun(string text, int position)
    {
        while (position < text.Length && (Terminators.Contains(text[position]) || Closing.Contains(text[position])))
        {
            position++;
        }

        return position;
    }

    private static int SkipWhiteSpace(string text, int position)
    {
        while (position < text.Length && char.IsWhiteSpace(text[position]))
        {
            position++;
        }

        return position;
    }

    private static bool BeginsSentence(string text, int position)
    {
        char first = text[position];
        return char.IsUpper(first) || char.IsDigit(first) || first is '#' or '$' or '—' || Opening.Contains(first);
    }

    /// <summary>Whether the full stop belongs to the word before it and the sentence goes on.</summary>
    private static bool IsAbbreviated(string text, int start, int stop, int next)
    {
        if (text[stop] != '.' || (stop + 1 < text.Length && !char.IsWhiteSpace(text[stop + 1])))
        {
            return false;
        }

        int wordStart = stop;
        while (wordStart > start && !char.IsWhiteSpace(text[wordStart - 1]))
        {
            wordStart--;
        }

        ReadOnlySpan<char> word = text.AsSpan(wordStart..stop).TrimStart(Opening);
        if (word is [var initial] && char.IsUpper(initial) && initial != 'I')
        {
            return true;
        }

        if (IsAcronym(word))
        {
            return !Starters.GetAlternateLookup<ReadOnlySpan<char>>().Contains(FirstWord(text.AsSpan(next)));
        }

        return Abbreviations.GetAlternateLookup<ReadOnlySpan<char>>().Contains(word);
    }

    /// <summary>Single letters with full stops between them: <c>U.S</c>, <c>D.C</c>, <c>a.m</c>.</summary>
    private static bool IsAcronym(ReadOnlySpan<char> word)
    {
        if (word.Length < 3 || word.Length % 2 == 0)
        {
            return false;
        }

        for (int i = 0; i < word.Length; i++)
        {
            if (i % 2 == 0 ? !char.IsLetter(word[i]) : word[i] != '.')
            {
                return false;
            }
        }

        return true;
    }

    private static ReadOnlySpan<char> FirstWord(ReadOnlySpan<char> text)
    {
        text = text.TrimStart(Opening);
        int length = 0;
        while (length < text.Length && char.IsLetter(text[length]))
        {
            length++;
        }

        return text[..length];
    }
}
