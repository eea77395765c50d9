namespace RnnLm.Data;

/// <summary>
/// The text of ids that come one after the other. What an id adds depends on the ids before it: on the word that it
/// follows, and on the bytes of a character that they left unfinished. Two additions suffice for that, so that few ids
/// are decoded again for each, however long the text is.
/// </summary>
public sealed class GrowingText
{
    /// <summary>What bytes decode to that are no character, or not yet.</summary>
    private const char Replacement = '\uFFFD';

    private readonly ITokenizer _tokenizer;

    /// <summary>The last ids, beginning where a character begins.</summary>
    private readonly List<int> _last;

    /// <summary>The text of those of them whose text was given out.</summary>
    private string _known;

    /// <summary>How many these are.</summary>
    private int _knownCount;

    /// <summary>A text that begins with these ids.</summary>
    /// <param name="tokenizer">Decodes them.</param>
    /// <param name="beginning">Ids whose text is known, which end where a character ends.</param>
    public GrowingText(ITokenizer tokenizer, IEnumerable<int> beginning)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _last = [.. beginning];
        _known = tokenizer.Decode([.. _last]);
        _knownCount = _last.Count;
    }

    /// <summary>What one more id adds to the text: nothing while it ends inside a character, which is then added as a
    /// whole.</summary>
    public string Add(int id)
    {
        _last.Add(id);
        string text = _tokenizer.Decode([.. _last]);
        return text.EndsWith(Replacement) ? string.Empty : TakeOut(text);
    }

    /// <summary>What was held back, when no more ids come.</summary>
    public string Finish() => TakeOut(_tokenizer.Decode([.. _last]));

    private string TakeOut(string text)
    {
        string added = text[_known.Length..];
        string tail = _tokenizer.Decode([.. _last[_knownCount..]]);

        // Ids without text, like a start token, do not say what is before them.
        bool saysEnough = tail.Length > 0;
        if (saysEnough)
        {
            _last.RemoveRange(0, _knownCount);
        }

        _known = saysEnough ? tail : text;
        _knownCount = _last.Count;
        return added;
    }
}
