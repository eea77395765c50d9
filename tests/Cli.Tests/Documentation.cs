namespace RnnLm.Cli.Tests;

public sealed class Documentation : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    /// <summary>
    /// What a setting is called, does and is by default stands in one place; <c>rnnlm settings</c> prints what belongs
    /// here.
    /// </summary>
    [Fact]
    public void The_command_line_page_has_the_tables_of_the_settings()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "cli.md"));
        string[] tables = RnnLmProcess.Run(_directory, "settings").Succeeded().Output
            .Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(tables, table => table.Contains("| `--clip X` |", StringComparison.Ordinal));
        Assert.All(tables, table => Assert.Contains(table.Trim(), page, StringComparison.Ordinal));
    }

    [Fact]
    public void Each_exit_code_has_a_section()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "exit-codes.md"));
        Assert.All(
            Enum.GetValues<ExitCode>(),
            code => Assert.Contains($"\n## {(int)code}: ", page, StringComparison.Ordinal));
    }

    public void Dispose() => _directory.Dispose();
}
