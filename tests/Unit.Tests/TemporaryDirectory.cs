using System.Text;

namespace RnnLm.Tests;

/// <summary>A directory of a test's own, removed at its end.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    private const string MemoryDisk = "/dev/shm";

    /// <param name="isInMemory">For a test with thousands of fsyncs that is not about what they do.</param>
    public TemporaryDirectory(bool isInMemory = false)
    {
        string path = Directory.CreateTempSubdirectory("rnnlm-test-").FullName;
        if (isInMemory && Directory.Exists(MemoryDisk))
        {
            Directory.Delete(path);
            path = Directory.CreateDirectory(path.Replace(System.IO.Path.GetTempPath(), $"{MemoryDisk}/")).FullName;
        }

        Path = path;
    }

    public string Path { get; }

    public string this[params string[] names] => System.IO.Path.Combine([Path, .. names]);

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        string path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
