namespace RnnLm.Tests;

public class LlamaTokenizerTests
{
    private static readonly Lazy<SentencePieceTokenizer> Shared =
        new(() => LlamaPieces.Tokenizer(LlamaPieces.FromNpm(NpmPackages.Store)));

    private readonly SentencePieceTokenizer _tokenizer = Shared.Value;

    [NpmFact]
    public void The_vocabulary_is_that_of_the_reference_model()
    {
        Assert.Equal(32_011, _tokenizer.VocabularySize);
        Assert.Equal(32_000, _tokenizer.PaddingId);
        Assert.Equal(0, _tokenizer.UnknownId);
        Assert.Equal((1, 2), (_tokenizer.StartId, _tokenizer.EndId));
        Assert.Equal("hi", _tokenizer.Decode([1, .. _tokenizer.Encode("hi"), 2]));
        Assert.Equal("llama", _tokenizer.Spec);
        Assert.Equal("<|endoftext|>", _tokenizer.TokenText(32_000));
        Assert.Equal("<|placeholder1|>", _tokenizer.TokenText(32_002));
        Assert.Equal("<|end|>", _tokenizer.TokenText(32_007));
        Assert.Equal("<|placeholder6|>", _tokenizer.TokenText(32_009));
        Assert.Equal("<|user|>", _tokenizer.TokenText(32_010));
    }

    [NpmFact]
    public void The_reference_sentence_gives_the_reference_pieces() =>
        Assert.Equal(
            "▁We ▁train ▁a ▁rec urrent ▁neural ▁network ▁as ▁a ▁language ▁model .",
            string.Join(
                ' ',
                _tokenizer.Encode("We train a recurrent neural network as a language model.")
                    .Select(_tokenizer.TokenText)));

    // Ids that LLaMA's own tokenizer gives, as the npm package's tests state them; runs of spaces are where other merge
    // orders go wrong.
    [NpmTheory]
    [InlineData("grabbed", 2646, 1327, 287)]
    [InlineData(" grabbed", 29871, 2646, 1327, 287)]
    [InlineData("           grabbed", 9651, 2646, 1327, 287)]
    [InlineData("\n", 29871, 13)]

    // Pairs that overlap themselves; ids of SentencePiece 0.1.97.
    [InlineData("disapppearing", 8796, 412, 4362)]
    [InlineData("                             “Neb.”", 462, 795, 1346, 29940, 774, 3178)]
    [InlineData("")]
    public void Ids_are_llamas(string text, params int[] ids) => Assert.Equal(ids, _tokenizer.Encode(text));

    [NpmFact]
    public void Any_text_comes_back() =>
        Property.Holds(
            Property.Text, text => Assert.Equal(text, _tokenizer.Decode(_tokenizer.Encode(text))), cases: 1000);

    [NpmFact]
    public void Text_that_looks_like_an_added_token_is_text_and_an_added_token_decodes_to_its_name()
    {
        int[] ids = _tokenizer.Encode("<|user|> hi");
        Assert.DoesNotContain(ids, id => id >= LlamaPieces.PieceCount);
        Assert.Equal("<|user|> hi", _tokenizer.Decode(ids));
        Assert.Equal("a<|end|> b", _tokenizer.Decode([.. _tokenizer.Encode("a"), 32_007, .. _tokenizer.Encode("b")]));
    }
}
