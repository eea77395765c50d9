namespace RnnLm.Tests;

public sealed class AbandonedFilesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Cache => Path.Combine(_directory.Path, "cache");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_killed_writers_left_is_gone_after_the_next_load()
    {
        string corpus = _directory.Write("corpus.txt", "some text\n");
        Load(corpus);
        string[] kept = Entries();
        _directory.Write("cache/tokens/1f.tokens.abc.xyz.lock", "");
        _directory.Write("cache/tokens/1f.tokens.abc.xyz.tmp", "half a file");
        _directory.Write("cache/tokens/1f.tokens.abc.xyz.tmp.starts", "starts");
        _directory.Write("cache/tokens/2f.tokens.only.lck.lock", "");
        _directory.Write("cache/tokens/3f.tokens.no.lock.tmp", "from a version without locks");
        _directory.Write("cache/tokenizers/4f.abc.xyz.lock", "");
        _directory.Write("cache/tokenizers/4f.abc.xyz.tmp/characters.txt", "abc");
        _directory.Write("cache/packages/5f.abc.xyz.tmp/content/data.txt", "abc");
        Load(corpus);
        Assert.Equal(kept, Entries());
    }

    [Fact]
    public void What_a_living_writer_has_begun_stays()
    {
        string path = Path.Combine(Cache, "tokens", "1f.tokens");
        Publishing.File(path, temporary =>
        {
            CacheDirectory.RemoveAbandoned(Cache);
            File.WriteAllText(temporary, "content");
            File.WriteAllText(temporary + ".starts", "starts");
            string[] begun = Entries();
            CacheDirectory.RemoveAbandoned(Cache);
            Assert.Equal(begun, Entries());
        });
        Assert.Equal([path], Entries());
        string directory = Path.Combine(Cache, "tokenizers", "2f");
        Publishing.Directory(directory, temporary =>
        {
            File.WriteAllText(Path.Combine(temporary, "words.txt"), "content");
            CacheDirectory.RemoveAbandoned(Cache);
        });
        Assert.Equal([path, directory, Path.Combine(directory, "words.txt")], Entries());
    }

    [Fact]
    public void Writers_and_cleaners_at_once_lose_nothing()
    {
        Parallel.For(0, 4000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            if (i % 2 == 0)
            {
                CacheDirectory.RemoveAbandoned(Cache);
            }
            else
            {
                Publishing.File(
                    Path.Combine(Cache, "tokens", $"{i % 16}"), temporary => File.WriteAllText(temporary, "content"));
            }
        });
        Assert.Equal(8, Entries().Length);
        Assert.All(Entries(), path => Assert.Equal("content", File.ReadAllText(path)));
    }

    [Fact]
    public void A_writer_that_fails_leaves_nothing()
    {
        Assert.Throws<InvalidDataException>(() => Publishing.File(Path.Combine(Cache, "tokens", "1f"), temporary =>
        {
            File.WriteAllText(temporary, "half");
            throw new InvalidDataException();
        }));
        Assert.Empty(Entries());
    }

    private void Load(string path) =>
        new CorpusLoader(Cache, 1)
            .Load([path], new CorpusSettings(ExampleMode.Sentences), TokenizerSpec.Parse("char"))
            .Dispose();

    private string[] Entries() =>
        [.. new[] { "tokens", "tokenizers", "packages" }
            .Select(part => Path.Combine(Cache, part))
            .Where(Directory.Exists)
            .SelectMany(part => Directory
                .GetFileSystemEntries(part, "*", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal))];
}
