namespace RnnLm.Cli.Tests;

/// <summary>
/// Bad input (exit code 3) for <c>train --corpus</c>: one line that names file, fault and cure; no run begins.
/// </summary>
public sealed class Corpus_that_cannot_be_used : IDisposable
{
    private const int BadInput = 3;
    private const string Corpus = "corpus.txt";

    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Missing_file() => Refuse([], "corpus.txt", "no such file", "check the path");

    [Fact]
    public void Pattern_that_matches_nothing()
    {
        RnnLmProcess.Run(_directory, "train", "--corpus", "no*.txt", "--run", "run")
            .Refused(BadInput, "no*.txt", "no file matches");
        Assert.Empty(_directory.Everything);
    }

    [Fact]
    public void Empty_file()
    {
        _directory.Write(Corpus, "");
        Refuse([], "corpus.txt", "is empty", "give a file with text");
    }

    [Fact]
    public void Binary_file_with_the_offset_of_its_first_NUL()
    {
        _directory.Write(Corpus, "text\0text"u8.ToArray());
        Refuse([], "corpus.txt", "looks binary", "offset 4", "give plain text in UTF-8");
    }

    [Fact]
    public void File_of_another_encoding_with_the_offset_of_its_first_bad_byte()
    {
        _directory.Write(Corpus, [.. "déjà "u8, .. "caf"u8, 0xE9, .. " au lait"u8]);
        Refuse([], "corpus.txt", "not UTF-8", "0xE9", "offset 10", "iconv");
    }

    [Fact]
    public void Text_shorter_than_a_window()
    {
        _directory.Write(Corpus, "ten chars.");
        Refuse(["--preset", "char"], "10 tokens", "--context 64", "needs 65", "use more text or a smaller --context");
    }

    [Fact]
    public void Lines_shorter_than_a_sentence()
    {
        _directory.Write(Corpus, "a\nb\n\nc\n");
        Refuse(["--tokenizer", "char", "--sentence-tokens", "false"], "no line of at least 2 tokens", "give more text");
    }

    [Fact]
    public void Folder()
    {
        Directory.CreateDirectory(Path.Combine(_directory.Root, Corpus));
        Refuse([], "corpus.txt", "is a folder", "/*.txt");
    }

    [Fact]
    public void Validation_text_with_characters_that_the_corpus_lacks()
    {
        _directory.Write(Corpus, SmallText.Sentences(60));
        _directory.Write("valid.txt", "the cat sees a zebra.");
        Refuse(["--preset", "char", "--context", "8", "--valid", "valid.txt"], "'z'", "U+007A");
    }

    private void Refuse(string[] options, params string[] said)
    {
        var before = _directory.Everything.ToList();
        RnnLmProcess.Run(_directory, ["train", "--corpus", Corpus, "--run", "run", .. options]).Refused(BadInput, said);
        Assert.Equal(before, _directory.Everything);
    }

    public void Dispose() => _directory.Dispose();
}
