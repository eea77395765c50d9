using System.CommandLine;
using System.Text.Json;

namespace RnnLm.Cli;

/// <summary><c>rnnlm inspect</c>: verifies a run or checkpoint and prints what it is.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("PATH") { Description = "A run directory, or one checkpoint in it" };
        path.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => token.Value.Length == 0))
            {
                result.AddError("PATH is empty; name a run or a checkpoint.");
            }
        });
        var json = new Setting<bool>("--json", null, "Print a JSON object", Values.Switch);
        var plan = new Setting<bool>("--plan", null, "Also read the corpus and hold each step's tokens against the " +
            "plan", Values.Switch);
        var command = new Command("inspect", "Verify hashes, shapes and ledger of a run or checkpoint, and print job " +
            "and history") { path, plan, json };
        command.SetAction(parsed =>
        {
            string target = parsed.GetRequiredValue(path);
            var report = RunInspection.IsRun(target)
                ? RunInspection.Run(target, parsed.GetValue(plan))
                : CheckpointInspection.Run(target);
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(JsonSerializer.Serialize(report, InspectionReport.JsonOptions));
            }
            else
            {
                report.WriteTo(Console.Out);
            }

            // What is damaged was printed line by line; the exit code says that there was something.
            return report.Problems.Count == 0 ? (int)ExitCode.Done : (int)ExitCode.BadInput;
        });
        return command;
    }
}
