using System.Text.Json;
using System.Text.Json.Nodes;
using RnnLm.Tests;

namespace RnnLm.Cli.Tests;

/// <summary>
/// The program in this process on spoilt options and runs: a documented code and at most one line, whatever comes.
/// </summary>
[Collection(SmallRun.Collection)]
public sealed class Fuzz(SmallRun small) : IDisposable
{
    private static readonly TimeSpan LongestCase = TimeSpan.FromMinutes(2);
    private static readonly EnumerationOptions NoLinks =
        new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };

    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public async Task Options()
    {
        string run = Path.Combine(small.Directory.Root, SmallRun.Name);
        string[][] good =
        [
            [
                "train", "--run", run, "--tokenizer", "word:100", "--examples", "sentences", "--fold-digits",
                "--split-sentences", "false", "--field", "text", "--held-out", "10", "--workers", "2",
                "--threads", "2", "--shards", "8", "--steps", "3", "--batch", "4", "--context", "9", "--layers", "2",
                "--dimension", "16", "--lr", "0.1", "--schedule", "cosine", "--warmup", "3", "--clip", "1.5",
                "--schedule-steps", "7", "--optimizer", "sgd", "--momentum", "0.9", "--weight-decay", "0.01",
                "--init-uniform", "0.1", "--patience", "3",
                "--seed", "-4", "--device", "cpu", "--evaluate-every", "2", "--checkpoint-every", "2",
                "--keep", "2", "--keep-every", "4", "--on-divergence", "skip", "--prompt", "a", "--json",
            ],
            ["train", "--run", run, "--resume", "--epochs", "1.5"],
            [
                "generate", "--run", run, "--prompt", "the ", "--tokens", "2", "--temperature", "0.5",
                "--top-k", "3", "--top-p", "0.9", "--seed", "1", "--prompt", "a ", "--json",
            ],
            ["plan", "--run", run, "--steps", "0..1", "--json"],
            ["inspect", run, "--json", "--plan"],
            ["evaluate", "--run", run, "--threads", "1", "--json"],
        ];
        for (int seed = 0; seed < 600; seed++)
        {
            var mutation = new Mutation(seed);
            var arguments = mutation.Pick(good).ToList();
            int at = 1 + mutation.Below(arguments.Count - 1);
            switch (mutation.Below(5))
            {
                case 0:
                    arguments.RemoveAt(at);
                    break;
                case 1:
                    arguments.Insert(at, mutation.OddText());
                    break;
                case 2:
                    arguments.Insert(at, mutation.Pick(arguments));
                    break;
                default:
                    arguments[at] = mutation.OddText();
                    break;
            }

            // What parses ends at a corpus that is not there, before anything is trained.
            string[] command = arguments[0] is "train" or "evaluate"
                ? [.. arguments, "--corpus", "no-such-corpus"]
                : [.. arguments];
            await RequireDocumented(seed, command);
        }
    }

    [Fact]
    public async Task Runs_with_a_file_that_is_not_as_it_was_written()
    {
        await SpoilCopies(150, async (mutation, run) =>
        {
            var files = Directory.GetFiles(run, "*", NoLinks)
                .Where(file => new FileInfo(file).Length > 0)
                .Order(StringComparer.Ordinal)
                .ToList();
            string path = mutation.Pick(files);
            await File.WriteAllBytesAsync(path, mutation.Of(await File.ReadAllBytesAsync(path)));
        });
    }

    /// <summary>
    /// Each value in turn; the job's hash is forged to agree, so that the values themselves are looked at.
    /// </summary>
    [Fact]
    public async Task Runs_whose_configuration_has_odd_values()
    {
        await SpoilCopies(300, async (mutation, run) =>
        {
            string path = Path.Combine(run, "config.1.json");
            var config = mutation.Of(JsonNode.Parse(await File.ReadAllTextAsync(path))!);
            try
            {
                config["job_hash"] = JobFormat.Hash(config["job"].Deserialize<Job>(JobFormat.JsonOptions)!);
            }
            catch (Exception notAJob) when (notAJob is JsonException or ArgumentNullException or NullReferenceException)
            {
            }

            await File.WriteAllTextAsync(path, config.ToJsonString());
        });
    }

    [Fact]
    public async Task Runs_with_things_of_another_kind_or_missing()
    {
        await SpoilCopies(60, async (mutation, run) =>
        {
            var entries = Directory.GetFileSystemEntries(run, "*", SearchOption.AllDirectories)
                .Order(StringComparer.Ordinal)
                .ToList();
            string entry = mutation.Pick(entries);
            bool isDirectory = Directory.Exists(entry) && new FileInfo(entry).LinkTarget is null;
            if (isDirectory)
            {
                Directory.Delete(entry, recursive: true);
            }
            else
            {
                File.Delete(entry);
            }

            if (mutation.Below(2) == 0 && isDirectory)
            {
                await File.WriteAllTextAsync(entry, "a file");
            }
            else if (mutation.Below(2) == 0)
            {
                Directory.CreateDirectory(entry);
            }
        });
    }

    public void Dispose() => _directory.Dispose();

    private static string[] Reading(Mutation mutation, string run) => mutation.Below(6) switch
    {
        0 => ["inspect", run],
        1 => ["inspect", run, "--plan"],
        2 => ["generate", "--run", run, "--prompt", "the ", "--tokens", "2"],
        3 => ["plan", "--run", run, "--steps", "0..1"],
        4 => ["inspect", Path.Combine(run, "final")],
        _ => ["train", "--run", run, "--resume", "--steps", "80", "--json"],
    };

    /// <summary>Spoils copies of a good run, one a seed, and reads each with some command.</summary>
    private async Task SpoilCopies(int seeds, Func<Mutation, string, Task> spoil)
    {
        for (int seed = 0; seed < seeds; seed++)
        {
            var mutation = new Mutation(seed);
            string run = Copy($"run-{seed}");
            await spoil(mutation, run);
            await RequireDocumented(seed, Reading(mutation, run));
            Directory.Delete(run, recursive: true);
        }
    }

    private static async Task RequireDocumented(int seed, string[] arguments)
    {
        var (output, error) = (Console.Out, Console.Error);
        using var said = new StringWriter();
        int code;
        try
        {
            Console.SetOut(TextWriter.Null);
            Console.SetError(said);
            code = await Program.RunAsync(arguments).WaitAsync(LongestCase);
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }

        string what = $"seed {seed}, {string.Join(' ', arguments)}: {code} {said}";
        Assert.True(code is >= 0 and <= 6 and not 1, what);
        string[] lines = said.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(code is 0 or 3 ? lines.Length <= 1 : lines.Length == 1, what);
        Assert.All(lines, line => Assert.True(
            line.StartsWith("rnnlm: ", StringComparison.Ordinal) && !line.Any(char.IsControl), what));
    }

    private string Copy(string name)
    {
        string from = Path.Combine(small.Directory.Root, SmallRun.Name);
        string to = Path.Combine(_directory.Root, name);
        foreach (string file in Directory.GetFiles(from, "*", NoLinks))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        File.CreateSymbolicLink(Path.Combine(to, "final"), "checkpoints/step-00000080.1");
        return to;
    }
}
