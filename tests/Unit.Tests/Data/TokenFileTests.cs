namespace RnnLm.Tests;

public sealed class TokenFileTests : IDisposable
{
    private readonly TestCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    /// <summary>Of a mapped file that shrinks the process dies.</summary>
    [Theory]
    [InlineData(ExampleMode.Windows)]
    [InlineData(ExampleMode.Sentences)]
    public void A_token_file_that_shrinks_under_the_reader_is_named_with_its_cure(ExampleMode mode)
    {
        var tokens = mode == ExampleMode.Windows ? _corpus.DistinctTokens(50_000) : _corpus.DistinctSentences(9_000);
        tokens.Read(tokens.TokenCount - 100, new int[100]);
        using (var file = new FileStream(tokens.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(4096);
        }

        Action read = mode == ExampleMode.Windows
            ? () => tokens.Read(tokens.TokenCount - 100, new int[100])
            : () => tokens.Sentence(tokens.SentenceCount - 1);
        Errors.Expect(ExitCode.Storage, read, tokens.Path, "changed while it was in use", "delete it");
        tokens.Read(0, new int[100]);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(70_000)]
    public void Any_stretch_of_ids_is_read_as_it_was_written(int vocabulary)
    {
        var tokens = _corpus.DistinctTokens(vocabulary);
        int[] all = new int[tokens.TokenCount];
        tokens.Read(0, all);
        Assert.Equal(all.Length, all.Distinct().Count());
        var random = new Random(1);
        for (int i = 0; i < 200; i++)
        {
            int start = random.Next(all.Length);
            int[] some = new int[random.Next(all.Length - start + 1)];
            tokens.Read(start, some);
            Assert.Equal(all[start..(start + some.Length)], some);
        }
    }
}
