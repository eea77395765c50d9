namespace RnnLm.Tests;

public sealed class CorpusFilesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Patterns_give_files_in_ordinal_order_and_each_file_once()
    {
        string[] names =
        [
            "b.txt", "a.txt", "B.txt", "a10.txt", "a2.txt", ".hidden.txt", "c.md", "sub/d.txt", "sub/deep/e.txt",
        ];
        foreach (string name in names)
        {
            _directory.Write(name, name);
        }

        Assert.Equal(
            ["c.md", "B.txt", "a.txt", "a10.txt", "a2.txt", "b.txt"],
            Names("c.md", "*.txt", "./b.txt", "sub/../c.md"));
        Assert.Equal(["a2.txt"], Names("a?.txt"));
        Assert.Equal(["sub/d.txt"], Names("s*/*.txt"));
        Assert.Equal(
            ["B.txt", "a.txt", "a10.txt", "a2.txt", "b.txt", "sub/d.txt", "sub/deep/e.txt"], Names("**/*.txt"));
    }

    [Fact]
    public void A_file_whose_name_has_wildcards_is_itself()
    {
        _directory.Write("a*.txt", "x");
        _directory.Write("ab.txt", "y");
        Assert.Equal(["a*.txt"], Names("a*.txt"));
    }

    [Fact]
    public void Files_that_cannot_be_used_are_named_with_the_cure()
    {
        _directory.Write("empty.txt", "");
        _directory.Write("sub/a.txt", "a");
        Errors.Expect(ExitCode.BadInput, () => Resolve("missing.txt"), "missing.txt", "no such file");
        Errors.Expect(ExitCode.BadInput, () => Resolve("*.nothing"), "*.nothing", "no file matches");
        Errors.Expect(ExitCode.BadInput, () => Resolve("empty.txt"), "empty.txt", "is empty");
        Errors.Expect(ExitCode.BadInput, () => Resolve("sub"), "sub", "folder", "*.txt");
        Errors.Expect(ExitCode.BadInput, () => CorpusFiles.Resolve([]), "no corpus file");
    }

    private CorpusFiles Resolve(params string[] patterns) =>
        CorpusFiles.Resolve(patterns.Select(pattern => $"{_directory.Path}/{pattern}"));

    private IEnumerable<string> Names(params string[] patterns) =>
        Resolve(patterns).Paths.Select(path => Path.GetRelativePath(_directory.Path, path));
}
