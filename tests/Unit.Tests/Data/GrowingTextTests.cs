using System.Buffers;

namespace RnnLm.Tests;

/// <summary>Held against decoding all ids at once.</summary>
public sealed class GrowingTextTests
{
    private const char Replacement = '\uFFFD';

    public static TheoryData<string> Kinds =>
        ["char", "word", "space", "bytes", "gpt2", "o200k", "pieces", "defined"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_any_ids_add_makes_their_text_together(string kind)
    {
        ITokenizer tokenizer = Tokenizer(kind);
        for (ulong trial = 0; trial < 60; trial++)
        {
            int[] ids = Numbers.Ids(40, tokenizer.VocabularySize, trial);
            RequireWhole(tokenizer, tokenizer.Encode("the sea"), ids);
            RequireWhole(tokenizer, ids[..1], ids[1..]);
        }
    }

    /// <summary>Characters of several bytes that are made of several tokens.</summary>
    [Theory]
    [InlineData("bytes")]
    [InlineData("gpt2")]
    [InlineData("o200k")]
    [InlineData("pieces")]
    public void What_a_text_adds_makes_it_whole(string kind)
    {
        ITokenizer tokenizer = Tokenizer(kind);
        int[] beginning = tokenizer.Encode("the ");
        Property.Holds(Property.Text, text => RequireWhole(tokenizer, beginning, tokenizer.Encode(text)));
    }

    [Fact]
    public void A_character_is_not_shown_before_it_is_whole()
    {
        ITokenizer tokenizer = Tokenizer("bytes");
        var text = new GrowingText(tokenizer, tokenizer.Encode("a"));
        Assert.Equal(
            ["b", "", "", "€", "", "", "", "😀", ""],
            new[] { 'b', 0xE2, 0x82, 0xAC, 0xF0, 0x9F, 0x98, 0x80, 0xE2 }.Select(text.Add));
        Assert.Equal("\uFFFD", text.Finish());
    }

    /// <summary>The unit of cost is an id that is decoded.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_id_costs_the_same_however_long_the_text_is(string kind)
    {
        var tokenizer = new CountingTokenizer(Tokenizer(kind));
        int[] ids = tokenizer.Encode(string.Concat(Enumerable.Repeat("the sea ", 300)));
        var text = new GrowingText(tokenizer, ids[..200]);
        text.Add(ids[200]);
        tokenizer.Decoded = 0;
        foreach (int id in ids[201..])
        {
            text.Add(id);
        }

        Assert.InRange(tokenizer.Decoded, 1, 5 * (ids.Length - 201));
    }

    private static void RequireWhole(ITokenizer tokenizer, int[] beginning, int[] ids)
    {
        string known = tokenizer.Decode(beginning);
        if (known.EndsWith(Replacement))
        {
            return;
        }

        var text = new GrowingText(tokenizer, beginning);
        string shown = known;
        for (int count = 1; count <= ids.Length; count++)
        {
            shown += text.Add(ids[count - 1]);
            string whole = tokenizer.Decode([.. beginning, .. ids[..count]]);
            Assert.StartsWith(shown, whole, StringComparison.Ordinal);
            Assert.True(shown == whole || whole.EndsWith(Replacement), $"'{shown}' of '{whole}'");
        }

        Assert.Equal(tokenizer.Decode([.. beginning, .. ids]), shown + text.Finish());
    }

    private static ITokenizer Tokenizer(string kind)
    {
        var words = "the sea ( , \uFFFD “ \n".Split(' ').ToDictionary(word => word, _ => 1L);
        return kind switch
        {
            "char" => CharTokenizer.Of("the sea é😀\uFFFD\n".EnumerateRunes(), sentenceTokens: true),
            "word" => WordTokenizer.Of(words, new TokenizerSpec(TokenizerKind.Words), sentenceTokens: true),
            "space" => WordTokenizer.Of(words, new TokenizerSpec(TokenizerKind.SpacedWords)),
            "bytes" => ByteLevelTokenizer.Of([('t', 'h'), (256, 'e'), (0xE2, 0x82)], sentenceTokens: true),
            "gpt2" or "o200k" => ByteLevelTokenizer.Of(kind),
            _ => SentencePieceTokenizer.Of(
                File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Fixtures", kind + ".model")), kind),
        };
    }

    private sealed class CountingTokenizer(ITokenizer inner) : ITokenizer
    {
        public int Decoded { get; set; }

        public string Spec => inner.Spec;
        public string Hash => inner.Hash;
        public int VocabularySize => inner.VocabularySize;
        public int PaddingId => inner.PaddingId;
        public int UnknownId => inner.UnknownId;
        public int StartId => inner.StartId;
        public int EndId => inner.EndId;
        public IReadOnlyDictionary<string, byte[]> Files => inner.Files;

        public void Encode(ReadOnlySpan<byte> utf8, bool startsText, IBufferWriter<int> ids) =>
            inner.Encode(utf8, startsText, ids);

        public string Decode(ReadOnlySpan<int> ids)
        {
            Decoded += ids.Length;
            return inner.Decode(ids);
        }
    }
}
