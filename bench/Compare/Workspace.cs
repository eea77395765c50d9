using System.Text.Json;
using System.Text.Json.Nodes;
using RnnLm.Data;

namespace RnnLm.Compare;

/// <summary>What is trained.</summary>
/// <param name="Name">What the command line calls it.</param>
/// <param name="Options">Options of <c>rnnlm train</c>.</param>
/// <param name="Steps">Steps of one process.</param>
/// <param name="ReadsLines">Whether it reads text cut into lines, or text as it is.</param>
internal sealed record Configuration(string Name, string Options, int Steps, bool ReadsLines)
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<Configuration> All { get; } =
    [
        new("lm-book", "--preset lm-book", 10, ReadsLines: true),
        new("bpe-8000", "--preset lm-book --tokenizer bpe:8000", 20, ReadsLines: true),
        new("char", "--preset char", 60, ReadsLines: false),
    ];

    /// <summary>Those with these names; all when there are none.</summary>
    /// <exception cref="RnnLmException">There is none with a name (exit code 2).</exception>
    public static IEnumerable<Configuration> Named(string[] names) => names.Length == 0 ? All : names.Select(name =>
        All.FirstOrDefault(configuration => configuration.Name == name) ?? throw RnnLmException.Usage(
            $"'{name}' is not a configuration; use {string.Join(", ", All.Select(each => each.Name))}"));
}

/// <summary>
/// The folder of one configuration: its text, a run that fixes the batches, their plan, and the runs that are measured.
/// </summary>
internal sealed class Workspace(string root)
{
    private const int WordsOfALine = 40;

    /// <summary>The output of <c>rnnlm plan --json</c>.</summary>
    public string Plan => Path.Combine(root, "plan.jsonl");

    /// <summary>The run that fixes the batches.</summary>
    public string PlannedRun => Path.Combine(root, "planned");

    /// <summary>The folder itself.</summary>
    public string Root => root;

    /// <summary>A path in it where nothing is.</summary>
    public string NewRun(string name)
    {
        string path = Path.Combine(root, name);
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }

        return path;
    }

    /// <summary>Begins with an empty folder.</summary>
    public static Workspace Create(string name)
    {
        var workspace = new Workspace(Path.Combine(Program.Root, "artifacts", "bench", name));
        Directory.CreateDirectory(workspace.NewRun(""));
        return workspace;
    }

    /// <summary>Options that name a configuration's text.</summary>
    /// <param name="configuration">Of which configuration.</param>
    /// <param name="corpus">The user's own text; null for the default corpus.</param>
    /// <exception cref="RnnLmException">The text cannot be read, or the default corpus cannot be fetched.</exception>
    public IReadOnlyList<string> TextOptions(Configuration configuration, string? corpus)
    {
        if (!configuration.ReadsLines)
        {
            return corpus is null ? [] : ["--corpus", corpus];
        }

        // Lines long enough to fill every example, so that the baselines compute no padding.
        string path = Path.Combine(root, "lines.txt");
        string[] blanks = [" ", "\t", "\r", "\n"];
        IReadOnlyList<string> files = corpus is null
            ? DefaultCorpora.StateOfTheUnion(new PackageStore(CacheDirectory.Default()))
            : [corpus];
        File.WriteAllLines(path, files.SelectMany(file => File.ReadAllText(file)
            .Split(blanks, StringSplitOptions.RemoveEmptyEntries)
            .Chunk(WordsOfALine).Where(words => words.Length == WordsOfALine)
            .Select(words => string.Join(' ', words))));
        return ["--corpus", path];
    }

    /// <summary>Trains the run that fixes the batches, and writes their plan.</summary>
    public void MakePlan(Rnnlm rnnlm, IReadOnlyList<string> options, int steps)
    {
        ChildProcess.Run(rnnlm.TrainCommand(PlannedRun, options));
        var plan = rnnlm.Command("plan", "--run", PlannedRun, "--steps", $"0..{steps}", "--json");
        File.WriteAllText(Plan, ChildProcess.Run(plan).Output);
    }

    /// <summary>The job of the run that fixes the batches.</summary>
    public Job ReadJob() => JsonNode.Parse(File.ReadAllText(Path.Combine(PlannedRun, "config.json")))!["job"]
        .Deserialize<Job>(JobFormat.JsonOptions)!;
}
