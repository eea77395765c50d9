using System.CommandLine;

namespace RnnLm.Cluster.Benchmarks;

/// <summary>Measures the cluster: real processes on this machine; see bench/README.md.</summary>
internal static class Program
{
    private const int Interrupted = 130;

    private static int Main(string[] arguments)
    {
        string name = $"bench/{arguments.FirstOrDefault()}";
        try
        {
            var parsed = Describe().Parse(arguments);
            return parsed.Errors.Count == 0
                ? parsed.Invoke(new InvocationConfiguration
                {
                    // Signals are the bench's own: it ends its processes first.
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = null,
                })
                : throw RnnLmException.Usage(parsed.Errors[0].Message);
        }
        catch (RnnLmException failure)
        {
            Console.Error.WriteLine($"{name}: {failure.Message}");
            return (int)failure.ExitCode;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine($"{name}: interrupted; nothing is left of it");
            return Interrupted;
        }
#pragma warning disable CA1031 // Of what nobody catches the runtime would leave processes and files behind.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Console.Error.WriteLine($"{name}: {failure}");
            return (int)ExitCode.Defect;
        }
    }

    private static RootCommand Describe() => new("Measures the cluster with real processes of this machine")
    {
        RecoveryCommand(), ChaosCommand(), ProcessesCommand(), HeartbeatsCommand(),
    };

    private static Command RecoveryCommand()
    {
        var repetitions = Number("--repetitions", "Of each case", 20);
        var only = new Option<string[]>("--only")
        {
            Description = $"Measure these alone: {string.Join(", ", Recovery.Names)}",
            HelpName = "NAME",
            DefaultValueFactory = _ => [],
        };
        only.AcceptOnlyFromAmong([.. Recovery.Names]);
        return Command("recovery", "How long training stands still when a process is lost", "char",
            [repetitions, only], (parsed, bench, text) =>
                new Recovery(bench, text).Run(parsed.GetValue(repetitions), parsed.GetValue(only)!));
    }

    private static Command ChaosCommand()
    {
        var minutes = Number("--minutes", "Of the disturbed run", 20);
        var seed = Number("--seed", "Of the schedule of faults", 1);
        return Command("chaos", "What work is lost when worker processes are killed and frozen", "char",
            [minutes, seed], (parsed, bench, text) =>
                new Chaos(bench, text).Run(TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(seed)));
    }

    private static Command ProcessesCommand()
    {
        var rounds = Number("--rounds", "Runs of each kind", 5);
        var steps = Number("--steps", "Steps of each run that count", 30);
        return Command("processes", "Speed in one process, in two with shared memory, in two over HTTP", "lm-book",
            [rounds, steps], (parsed, bench, text) =>
                new Processes(bench, text).Run(parsed.GetValue(rounds), parsed.GetValue(steps)));
    }

    private static Command HeartbeatsCommand()
    {
        var minutes = Number("--minutes", "How long", 10);
        var coordinators = Number("--coordinators", "How many", 3);
        var profile = new Option<ClusterProfile>("--profile")
        {
            Description = "Of all processes: steady or fast",
            HelpName = "PROFILE",
            DefaultValueFactory = _ => ClusterProfile.Steady,
        };
        return Command("heartbeats", "How late heartbeats come, and who is wrongly taken for lost", "char",
            [minutes, coordinators, profile], (parsed, bench, text) =>
                new Heartbeats(bench, text, parsed.GetValue(profile)).Run(
                    TimeSpan.FromMinutes(parsed.GetValue(minutes)), parsed.GetValue(coordinators)));
    }

    /// <summary>A command with the options that all have.</summary>
    private static Command Command(
        string name,
        string description,
        string presetByDefault,
        IReadOnlyList<Option> own,
        Action<ParseResult, Bench, TrainingText> run)
    {
        var preset = new Option<string>("--preset")
        {
            Description = "What is trained",
            HelpName = "NAME",
            DefaultValueFactory = _ => presetByDefault,
        };
        var corpus = new Option<string?>("--corpus")
        {
            Description = "Text in the place of the preset's own",
            HelpName = "FILE",
        };
        var tokenizer = new Option<string?>("--tokenizer")
        {
            Description = "Tokenizer in the place of the preset's",
            HelpName = "SPEC",
        };
        var command = new Command(name, description) { preset, corpus, tokenizer };
        foreach (var option in own)
        {
            command.Options.Add(option);
        }

        command.SetAction(parsed =>
        {
            var text = new TrainingText(
                parsed.GetValue(preset)!,
                parsed.GetValue(corpus) is { } file ? Path.GetFullPath(file) : null,
                parsed.GetValue(tokenizer));
            string typed = string.Join(' ', parsed.Tokens.Select(token => token.Value));
            using var bench = new Bench($"bench/{typed}");
            run(parsed, bench, text);
        });
        return command;
    }

    private static Option<int> Number(string name, string description, int value)
    {
        var option = new Option<int>(name)
        {
            Description = description,
            HelpName = "N",
            DefaultValueFactory = _ => value,
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError($"{name}: use at least 1");
            }
        });
        return option;
    }
}
