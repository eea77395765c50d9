namespace RnnLm.Tests;

public class DefaultCorporaTests
{
    [NpmFact]
    public void The_chapters_of_the_novel_are_in_reading_order()
    {
        IReadOnlyList<string> files = DefaultCorpora.MobyDick(NpmPackages.Store);
        Assert.Equal(
            [.. Enumerable.Range(1, 135).Select(chapter => $"chapter_{chapter}.txt"), "epilogue.txt"],
            files.Select(Path.GetFileName));
        Assert.StartsWith("CHAPTER 1. Loomings.", File.ReadAllText(files[0]), StringComparison.Ordinal);
        Assert.All(files, file => Assert.True(new FileInfo(file).Length > 0));
    }

    [NpmFact]
    public void The_addresses_are_in_the_order_of_their_years()
    {
        IReadOnlyList<string> files = DefaultCorpora.StateOfTheUnion(NpmPackages.Store);
        Assert.Equal(233, files.Count);
        Assert.Equal("1790_george_washington_n.txt", Path.GetFileName(files[0]));
        Assert.Equal("2021_joseph_r_biden_d.txt", Path.GetFileName(files[^1]));
    }
}
