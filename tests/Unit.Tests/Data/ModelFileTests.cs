using System.Text;

namespace RnnLm.Tests;

public sealed class ModelFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_sentencepiece_model_is_used_as_it_is()
    {
        byte[] model = Model();
        SentencePieceTokenizer tokenizer = Load(_directory.Write("my.model", model));
        Assert.Equal("my.model", tokenizer.Spec);
        Assert.Equal(350, tokenizer.VocabularySize);
        Assert.Equal(-1, tokenizer.PaddingId);
        Assert.Equal(0, tokenizer.UnknownId);
        Assert.Equal(Load(_directory.Write("other/name.model", model)).Hash, tokenizer.Hash);
    }

    [Fact]
    public void A_file_that_is_no_model_is_named()
    {
        byte[] model = Model();
        Errors.Expect(ExitCode.BadInput, () => Load(Path.Combine(_directory.Path, "none.model")), "none.model", "cannot be read");
        Errors.Expect(ExitCode.BadInput, () => Load(_directory.Write("empty.model", "")), "empty.model", "0 bytes");
        Errors.Expect(ExitCode.BadInput, () => Load(_directory.Write("text.model", "plain text, not a model\n")), "text.model", "SentencePiece");
        Errors.Expect(ExitCode.BadInput, () => Load(_directory.Write("cut.model", model[..(model.Length / 2)])), "cut.model", "truncated");
        Errors.Expect(ExitCode.BadInput, () => Load(_directory.Write("zero.model", new byte[100])), "zero.model");
    }

    [Fact]
    public void No_damaged_model_does_worse_than_an_error()
    {
        byte[] model = Model();
        for (int position = 0; position < model.Length; position += 37)
        {
            byte[] damaged = [.. model];
            damaged[position] ^= 0x5A;
            try
            {
                SentencePieceTokenizer tokenizer = Load(_directory.Write("damaged.model", damaged));
                tokenizer.Decode(tokenizer.Encode("the whale"));
            }
            catch (RnnLmException failure)
            {
                Assert.Equal(ExitCode.BadInput, failure.ExitCode);
            }
        }
    }

    [Fact]
    public void Llama_pieces_must_be_as_many_as_llamas() =>
        Errors.Expect(
            ExitCode.BadInput,
            () => new TokenizerFactory(_directory.Path, 1).Fixed(TokenizerSpec.Parse("llama:" + _directory.Write("small.model", Model()))),
            "small.model",
            "350",
            "32000");

    private SentencePieceTokenizer Load(string path) => new TokenizerFactory(_directory.Path, 1).Fixed(TokenizerSpec.Parse(path));

    private static byte[] Model()
    {
        string text = SampleText.Lines(20_000);
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        TextSegments segments = TextSegments.Of(new TextBlock(utf8, utf8.Length, StartsText: true, "text.txt", FirstLine: 1), new CorpusSettings(ExampleMode.Sentences));
        return BytePairTraining.Train(350, [segments], utf8.Length);
    }
}
