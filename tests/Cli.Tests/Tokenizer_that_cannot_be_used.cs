namespace RnnLm.Cli.Tests;

public sealed class Tokenizer_that_cannot_be_used : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public Tokenizer_that_cannot_be_used() => _directory.Write("corpus.txt", SmallText.Sentences(10));

    [Fact]
    public void File_that_is_no_SentencePiece_model()
    {
        _directory.Write("pieces.model", "not a model");
        Refuse(
            "pieces.model",
            3,
            "pieces.model", "cannot be used as a SentencePiece model", "give another .model file");
    }

    [Fact]
    public void Missing_model_file() =>
        Refuse("pieces.model", 3, "pieces.model", "cannot be read", "give the path of a SentencePiece .model");

    [Fact]
    public void Unknown_kind() => Refuse("runes", 2, "--tokenizer runes", "use char, word");

    [Fact]
    public void Vocabulary_without_room_for_the_bytes() => Refuse("bpe:20", 2, "--tokenizer bpe:20", "from 256");

    [Fact]
    public void Vocabulary_that_the_text_cannot_give() =>
        Refuse("bpe:4000", 3, "--tokenizer bpe:4000", "the corpus gives only", "use bpe:");

    [Fact]
    public void Length_that_overflows()
    {
        _directory.Write("pieces.model", "\n\u007f");
        Refuse("pieces.model", 3, "pieces.model", "truncated");
    }

    private void Refuse(string tokenizer, int exitCode, params string[] said)
    {
        var before = _directory.Everything.ToList();
        RnnLmProcess.Run(_directory, "train", "--corpus", "corpus.txt", "--run", "run", "--tokenizer", tokenizer)
            .Refused(exitCode, said);
        Assert.Equal(before, _directory.Everything);
    }

    public void Dispose() => _directory.Dispose();
}
