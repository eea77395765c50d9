using System.CommandLine;
using System.Text.Json;
using RnnLm.Worker;

namespace RnnLm.Compare;

/// <summary>What the command line asks for; see bench/README.md.</summary>
/// <param name="Rounds">Processes of each candidate.</param>
/// <param name="Steps">Steps of each process; null for the configuration's.</param>
/// <param name="Against">Root of another clone whose rnnlm is measured, too.</param>
/// <param name="Corpus">Text in the place of the default corpora.</param>
/// <param name="Tokenizer">Tokenizer in the place of <c>llama</c>, or of the quick preset's.</param>
/// <param name="PyTorch">Whether the machine's PyTorch is measured, too.</param>
/// <param name="Cell">Cell in the place of <c>elman</c>.</param>
internal sealed record ComparisonOptions(
    int Rounds, int? Steps, string? Against, string? Corpus, string? Tokenizer, bool PyTorch, string? Cell);

/// <summary>Speed and memory of rnnlm beside other programs that train the same batches.</summary>
internal static class Program
{
    /// <summary>Steps at the beginning of a process that do not count: memory is taken and code compiled.</summary>
    public const int WarmupSteps = 3;

    /// <summary>Root of this repository.</summary>
    public static string Root => Repository.Root;

    /// <summary>What starts this program again.</summary>
    public static IReadOnlyList<string> Own { get; } = ["dotnet", typeof(Program).Assembly.Location];

    /// <summary>Of this machine.</summary>
    public static int Cores => Environment.ProcessorCount;

    private static int Main(string[] arguments)
    {
        try
        {
            LibTorch.Preload(Environment.GetEnvironmentVariable("LIBTORCH"));
            var parsed = Describe().Parse(arguments);
            return parsed.Errors.Count == 0
                ? parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false })
                : throw RnnLmException.Usage(parsed.Errors[0].Message);
        }
        catch (RnnLmException failure)
        {
            Console.Error.WriteLine($"bench/compare: {failure.Message}");
            return (int)failure.ExitCode;
        }
    }

    private static RootCommand Describe()
    {
        var names = new Argument<string[]>("CONFIGURATION")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "What to train; all if none is named",
        };
        var rounds = AtLeast(1, new Option<int>("--rounds")
        {
            Description = "Processes of each candidate",
            DefaultValueFactory = _ => 5,
        });
        var steps = AtLeast(WarmupSteps + 1, new Option<int?>("--steps")
        {
            Description = $"Steps of each process, of which the first {WarmupSteps} do not count",
        });
        var against = Text("--against", "DIR", "Another clone whose rnnlm is measured, too, in pairs");
        var corpus = Text("--corpus", "FILE", "Text in the place of the default corpora");
        var tokenizer = Text("--tokenizer", "SPEC", "Tokenizer in the place of lm-book's or the quick preset's");
        var cell = Text("--cell", "NAME", "rnn, lstm or gru in the place of elman, beside libtorch's own");
        var pytorch = Switch("--pytorch", "Measure the machine's PyTorch, too");
        var workers = Switch("--workers", "Measure two workers of one thread beside one of two, nothing else");
        var start = Switch("--start", "Measure the seconds to the first step with the quick preset, nothing else");
        var root = new RootCommand("Trains the same batches with rnnlm and with others, by turns, in whole processes")
        {
            names, rounds, steps, against, corpus, tokenizer, cell, pytorch, workers, start,
            ProductsCommand(), BaselineCommand(),
        };
        root.SetAction(parsed =>
        {
            var comparison = new Comparison(new ComparisonOptions(
                parsed.GetValue(rounds),
                parsed.GetValue(steps),
                parsed.GetValue(against) is { } clone ? Path.GetFullPath(clone) : null,
                parsed.GetValue(corpus) is { } text ? Path.GetFullPath(text) : null,
                parsed.GetValue(tokenizer),
                parsed.GetValue(pytorch),
                parsed.GetValue(cell)));
            if (parsed.GetValue(start))
            {
                if (parsed.GetValue(names) is { Length: > 0 } || parsed.GetValue(workers))
                {
                    throw RnnLmException.Usage("--start measures the quick preset, nothing else");
                }

                comparison.OfStart();
                return;
            }

            Action<Configuration> compare = parsed.GetValue(workers) ? comparison.OfWorkers : comparison.WithBaselines;
            foreach (var configuration in Configuration.Named(parsed.GetValue(names)!))
            {
                compare(configuration);
            }
        });
        return root;
    }

    private static Command ProductsCommand()
    {
        var command = new Command("products", "The rate of libtorch's products, as JSON");
        command.SetAction(_ => Console.WriteLine(JsonSerializer.Serialize(ProductRate.Measure())));
        return command;
    }

    private static Command BaselineCommand()
    {
        var kind = new Argument<string>("KIND");
        kind.AcceptOnlyFromAmong("rnn", "loop");
        var workspace = new Argument<string>("WORKSPACE");
        var threads = new Argument<int>("THREADS");
        var steps = new Argument<int>("STEPS");
        var command = new Command("baseline", "Trains with libtorch and prints the seconds of each step as JSON")
        {
            kind, workspace, threads, steps,
        };
        command.SetAction(parsed =>
        {
            var times = Baseline.Train(
                parsed.GetValue(kind)!,
                new Workspace(parsed.GetValue(workspace)!),
                parsed.GetValue(threads),
                parsed.GetValue(steps));
            Console.WriteLine(JsonSerializer.Serialize(times, JobFormat.JsonOptions));
        });
        return command;
    }

    private static Option<string> Text(string name, string value, string description) =>
        new(name) { Description = description, HelpName = value };

    private static Option<bool> Switch(string name, string description) => new(name) { Description = description };

    private static Option<T> AtLeast<T>(int least, Option<T> option)
    {
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<T>() is int value && value < least)
            {
                result.AddError($"{option.Name} {value}: use at least {least}");
            }
        });
        return option;
    }
}
