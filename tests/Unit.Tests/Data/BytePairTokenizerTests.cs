using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace RnnLm.Tests;

public class BytePairTokenizerTests
{
    private const int Size = 400;

    private static readonly byte[] Model = Train(Size, SampleText.Lines(100_000));

    private readonly SentencePieceTokenizer _tokenizer = SentencePieceTokenizer.Of(Model, "bpe:400");

    [Fact]
    public void Any_text_comes_back() => Property.Holds(Property.Text, text => Assert.Equal(text, _tokenizer.Decode(_tokenizer.Encode(text))), cases: 1000);

    [Fact]
    public void Pieces_were_learnt_from_the_corpus()
    {
        Assert.Equal(Size, _tokenizer.VocabularySize);
        Assert.Equal(["▁the", "▁harpoon", "▁whales"], _tokenizer.Encode("the harpoon whales").Select(_tokenizer.TokenText));
    }

    [Fact]
    public void The_same_text_gives_the_same_model() => Assert.Equal(Model, Train(Size, SampleText.Lines(100_000)));

    [Fact]
    public void Word_by_word_encoding_is_what_SentencePiece_gives_for_the_whole_text()
    {
        // A piece that reaches over a word's start, and can never arise from merges, sends the text to the library in one go.
        SentencePieceTokenizer whole = SentencePieceTokenizer.Of([.. Model, .. SerializedPiece("q▁q")], "whole");
        Assert.True(ModelProto.Parse(Model).WordsAreIndependent);
        Assert.False(ModelProto.Parse([.. Model, .. SerializedPiece("q▁q")]).WordsAreIndependent);
        Property.Holds(Property.Text, text => Assert.Equal(whole.Encode(text), _tokenizer.Encode(text)), cases: 1000);
        string prose = SampleText.Lines(200_000, seed: 9);
        Assert.Equal(whole.Encode(prose), _tokenizer.Encode(prose));
    }

    [Fact]
    public void Text_can_be_encoded_in_parts_that_start_at_words()
    {
        const string text = "the white whale \u2581 sailed\n into  the wind";
        var ids = new ArrayBufferWriter<int>();
        foreach (string part in (string[])["the white", " whale", " \u2581 sailed\n", " into", "  the wind"])
        {
            _tokenizer.Encode(Encoding.UTF8.GetBytes(part), startsText: ids.WrittenCount == 0, ids);
        }

        Assert.Equal(_tokenizer.Encode(text), ids.WrittenSpan.ToArray());
    }

    [Fact]
    public void Many_threads_get_the_same_ids()
    {
        string[] lines = SampleText.Lines(200_000, seed: 4).Split('\n');
        SentencePieceTokenizer alone = SentencePieceTokenizer.Of(Model, "bpe:400");
        int[][] expected = [.. lines.Select(line => alone.Encode(line))];
        int[][] found = new int[lines.Length][];
        Parallel.For(0, lines.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => found[i] = _tokenizer.Encode(lines[i]));
        Assert.Equal(expected, found);
    }

    [Fact]
    public void Ids_outside_the_vocabulary_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _tokenizer.Decode([5, Size]));
        Assert.Throws<ArgumentOutOfRangeException>(() => _tokenizer.Decode([-1]));
    }

    [Fact]
    public void A_size_that_the_corpus_cannot_give_is_named_with_one_that_it_can()
    {
        Errors.Expect(ExitCode.BadInput, () => Train(100, "some text\n"), "bpe:100", "259");
        Errors.Expect(ExitCode.BadInput, () => Train(5000, "some text\n"), "bpe:5000", "only 2", "use bpe:2");
    }

    [Fact]
    public void A_failure_while_the_corpus_is_read_is_the_failure_that_is_seen()
    {
        static IEnumerable<TextSegments> Broken()
        {
            yield return Segments("some text\n");
            throw RnnLmException.BadInput("the corpus broke");
        }

        Errors.Expect(ExitCode.BadInput, () => BytePairTraining.Train(Size, Broken(), 10), "the corpus broke");
    }

    private static byte[] Train(int size, string text) => BytePairTraining.Train(size, [Segments(text)], text.Length);

    private static TextSegments Segments(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return TextSegments.Of(new TextBlock(utf8, utf8.Length, StartsText: true, "text.txt", FirstLine: 1), new CorpusSettings(ExampleMode.Sentences));
    }

    // ModelProto.pieces { piece: text, score: -1e9 } by hand.
    private static byte[] SerializedPiece(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        byte[] score = new byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(score, -1e9f);
        byte[] piece = [0x0A, (byte)utf8.Length, .. utf8, 0x15, .. score];
        return [0x0A, (byte)piece.Length, .. piece];
    }
}
