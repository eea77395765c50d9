using System.Text.RegularExpressions;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// A build of the program as the next minor version might be: the protocol has another minor number, and workers send a
/// field that this version does not know.
/// </summary>
internal static partial class LaterVersion
{
    /// <summary>Makes it: the program's file.</summary>
    public static string Build(TemporaryDirectory directory)
    {
        string source = SourceCopy.Make(directory);
        string cluster = Path.Combine(source, "src/Cluster");
        Change(
            Path.Combine(cluster, "ProtocolVersion.cs"),
            text => Minor().Replace(text, match => $"Minor = {int.Parse(match.Groups[1].Value, null) + 1};"));
        Change(
            Path.Combine(cluster, "Wire.proto"),
            text => text.Replace(
                "message Register {", "message Register { string news = 99;", StringComparison.Ordinal));
        Change(
            Path.Combine(cluster, "EmploymentBehaviour.cs"),
            text => text.Replace(
                "Avoided = Avoided(now),", "Avoided = Avoided(now), News = \"later\",", StringComparison.Ordinal));
        string folder = Path.Combine(directory.Root, "later");
        SourceCopy.Run(
            source, $"dotnet publish src/Cli -c Release -o {folder} -p:RunAnalyzers=false -p:Version=0.999.0");
        string program = Path.Combine(folder, "rnnlm.dll");
        Machine.Run("sh", "-c", "dotnet \"$0\" --version | grep --quiet '^0.999.0'", program);
        return program;
    }

    private static void Change(string path, Func<string, string> change)
    {
        string before = File.ReadAllText(path);
        string after = change(before);
        Assert.NotEqual(before, after);
        File.WriteAllText(path, after);
    }

    [GeneratedRegex("Minor = ([0-9]+);")]
    private static partial Regex Minor();
}
