namespace RnnLm.Cli.Tests;

/// <summary>A directory of a test's own, where its processes run; removed at the end.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("rnnlm-cli-").FullName;

    /// <summary>Names, relative to the directory, of all that is in it at any depth.</summary>
    public IEnumerable<string> Everything =>
        Directory
            .EnumerateFileSystemEntries(
                Root,
                "*",
                new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
            .Select(entry => Path.GetRelativePath(Root, entry))
            .Order(StringComparer.Ordinal);

    public void Write(string name, string text) => File.WriteAllText(Path.Combine(Root, name), text);

    public void Write(string name, byte[] bytes) => File.WriteAllBytes(Path.Combine(Root, name), bytes);

    public RunFiles Run(string name) => new(Path.Combine(Root, name));

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
