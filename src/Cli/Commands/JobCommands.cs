using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary><c>rnnlm submit</c>, <c>jobs</c>, <c>logs</c>, <c>fetch</c>, <c>cancel</c>, <c>resume</c> and
/// <c>drain</c>: what users do with the jobs of a cluster. All of it goes through the run storage.</summary>
internal static class JobCommands
{
    private static readonly TimeSpan s_followEvery = TimeSpan.FromMilliseconds(500);

    public static IEnumerable<Command> Create() => [Submit(), Jobs(), Logs(), Fetch(), Cancel(), Resume(), Drain()];

    private static Command Submit()
    {
        var file = new Argument<string>("JOB.json") { Description = "Settings in the form of a run's config.json" };
        var name = new Setting<string?>(
            "--name", "NAME", "The job's name; the file's if not given", RunStorage.JobName);
        var storage = RunStorage.Option();
        var json = Json();
        var command = new Command("submit", "Tokenize on this machine and put a job into the run storage")
        {
            file, name, storage, json,
        };
        command.SetAction(parsed =>
        {
            bool asJson = parsed.GetValue(json);
            using var view = new PlainView(asJson ? TextWriter.Null : Console.Out, TimeProvider.System);
            Print(
                [
                    JobSubmission.Submit(
                        parsed.GetRequiredValue(file),
                        parsed.GetValue(name),
                        new RunStorage(parsed.GetRequiredValue(storage)),
                        view,
                        TimeProvider.System),
                ],
                asJson);
            return 0;
        });
        return command;
    }

    private static Command Jobs()
    {
        var storage = RunStorage.Option();
        var json = Json();
        var command = new Command("jobs", "List the jobs of a run storage") { storage, json };
        command.SetAction(parsed =>
        {
            Print(
                new RunStorage(parsed.GetRequiredValue(storage)).List().Select(job => job.Read()),
                parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static Command Logs()
    {
        var job = JobArgument();
        var storage = RunStorage.Option();
        var follow = new Setting<bool>("--follow", null, "Go on until the job has ended", Values.Switch);
        var json = Json();
        var command = new Command("logs", "Print what happens in a job: its metrics, one line a step or event")
        {
            job, storage, follow, json,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            var stored = new RunStorage(parsed.GetRequiredValue(storage)).Find(parsed.GetRequiredValue(job));
            var metrics = RunDirectory.Open(stored.RunPath).FollowMetrics();
            while (true)
            {
                bool isOver = !parsed.GetValue(follow)
                    || stored.Read().State is JobState.Done or JobState.Cancelled or JobState.Failed;
                PrintNew(metrics, parsed.GetValue(json), mayFail: !isOver);
                if (isOver || !Program.IsHeard)
                {
                    return 0;
                }

                await Task.Delay(s_followEvery, cancellation).ConfigureAwait(false);
            }
        });
        return command;
    }

    private static Command Fetch()
    {
        var job = JobArgument();
        var storage = RunStorage.Option();
        var target = new Setting<string>("--to", "DIR", "Where the run goes; new", Values.FullPath) { Required = true };
        var json = Json();
        var command = new Command("fetch", "Copy a job's run: configuration, tokenizer and newest checkpoints")
        {
            job, storage, target, json,
        };
        command.SetAction(parsed =>
        {
            var stored = new RunStorage(parsed.GetRequiredValue(storage)).Find(parsed.GetRequiredValue(job));
            string run = parsed.GetRequiredValue(target);
            RunCopy.Make(stored.RunPath, run);
            Console.Out.WriteLine(parsed.GetValue(json)
                ? JsonSerializer.Serialize(new { Job = stored.Name, Run = run }, s_oneLine)
                : $"run directory: {run}");
            return 0;
        });
        return command;
    }

    private static Command Cancel() => Change(
        "cancel", "Take a job back: it saves and stops, and stays to be fetched", job => job.Cancel());

    private static Command Resume() => Change(
        "resume", "Let a job go on that was cancelled or has failed", job => job.Resume());

    private static Command Change(string name, string description, Action<StoredJob> change)
    {
        var job = JobArgument();
        var storage = RunStorage.Option();
        var json = Json();
        var command = new Command(name, description) { job, storage, json };
        command.SetAction(parsed =>
        {
            var stored = new RunStorage(parsed.GetRequiredValue(storage)).Find(parsed.GetRequiredValue(job));
            change(stored);
            Print([stored.Read()], parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static Command Drain()
    {
        var storage = RunStorage.Option();
        var undo = new Setting<bool>("--undo", null, "Let them go on", Values.Switch);
        var json = Json();
        var command = new Command("drain", "Have all jobs of a run storage saved and stopped, and none started")
        {
            storage, undo, json,
        };
        command.SetAction(parsed =>
        {
            var jobs = new RunStorage(parsed.GetRequiredValue(storage));
            jobs.Drain(parsed.GetValue(undo));
            Print(jobs.List().Select(job => job.Read()), parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static Argument<string> JobArgument() => new("JOB") { Description = "Name of the job" };

    private static Setting<bool> Json() => new("--json", null, "One JSON object a line", Values.Switch);

    private static void Print(IEnumerable<JobReport> jobs, bool json)
    {
        foreach (var job in jobs)
        {
            Console.Out.WriteLine(json
                ? JsonSerializer.Serialize(job, s_oneLine)
                : RnnLmException.OneLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{job.Job,-24} {job.State.ToString().ToLowerInvariant(),-10} step {job.Step}/{job.TotalSteps}  " +
                    $"{(job.Reason ?? job.Holder ?? string.Empty)}")));
        }
    }

    private static readonly JsonSerializerOptions s_oneLine = new(JobFormat.JsonOptions) { WriteIndented = false };

    /// <summary>Prints the lines of the metrics that are new. Storage that fails may be better the next time.</summary>
    private static void PrintNew(MetricsReader metrics, bool json, bool mayFail)
    {
        try
        {
            foreach (string line in metrics.ReadNew())
            {
                Console.Out.WriteLine(json ? line : Describe(line));
            }
        }
        catch (RnnLmException failure) when (mayFail && failure.ExitCode == ExitCode.Storage)
        {
        }
    }

    private static string Describe(string line)
    {
        using var document = JsonDocument.Parse(line);
        return RnnLmException.OneLine(string.Join("  ", document.RootElement.EnumerateObject().Select(
            member => $"{member.Name} {member.Value}")));
    }
}
