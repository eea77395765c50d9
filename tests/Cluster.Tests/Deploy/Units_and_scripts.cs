using System.Text.RegularExpressions;
using RnnLm.Hosting;

namespace RnnLm.Cluster.Tests;

/// <summary>The units of systemd, the script of SLURM and the compose file start what the program knows.</summary>
public sealed partial class Units_and_scripts
{
    [Theory]
    [InlineData("rnnlm-coordinator.service")]
    [InlineData("rnnlm-worker.service")]
    public void A_units_command_can_be_read(string name)
    {
        string text = Read(name);
        var variables = Variable().Matches(text).ToDictionary(
            match => match.Groups["name"].Value, match => match.Groups["value"].Value);
        string command = Value(text, "ExecStart");
        foreach (var (variable, value) in variables)
        {
            command = command.Replace($"${{{variable}}}", value, StringComparison.Ordinal)
                .Replace($"${variable}", value, StringComparison.Ordinal);
        }

        Assert.StartsWith("/usr/local/bin/rnnlm ", command, StringComparison.Ordinal);
        RequireReadable(command["/usr/local/bin/rnnlm ".Length..]);
    }

    [Theory]
    [InlineData("rnnlm.slurm", 2)]
    [InlineData("compose.yaml", 2)]
    public void The_commands_of_a_script_can_be_read(string name, int count)
    {
        // What a shell or compose puts there is the name of a host, or a path.
        string text = Read(name).Replace("$$", "$", StringComparison.Ordinal);
        string[] commands =
        [
            .. Command().Matches(text)
                .Select(match => ShellValue().Replace(match.Groups["words"].Value, "host${rest}")),
        ];
        Assert.Equal(count, commands.Length);
        Assert.All(commands, RequireReadable);
    }

    [Fact]
    public void Whoever_ends_a_coordinator_gives_it_as_long_as_it_may_take()
    {
        double longest = CoordinatorService.LongestFarewell.TotalSeconds;
        Assert.True(int.Parse(Value(Read("rnnlm-coordinator.service"), "TimeoutStopSec"), null) >= longest);
        string grace = GracePeriod().Match(Read("compose.yaml")).Groups[1].Value;
        Assert.True(int.Parse(grace, null) >= longest);
    }

    private static void RequireReadable(string command)
    {
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        ClusterService service = words[0] == "coordinator" ? new CoordinatorService() : new WorkerService();
        Assert.Equal(service.Command.Name, words[0]);
        Assert.Empty(service.Command.Parse(words[1..], Configuration.Reading).Errors);
    }

    private static string Value(string text, string key) => Assert.Single(
        text.Split('\n'), line => line.StartsWith($"{key}=", StringComparison.Ordinal))[(key.Length + 1)..];

    private static string Read(string name) => File.ReadAllText(Path.Combine(Repository.Root, "deploy", name));

    [GeneratedRegex("^Environment=\"?(?<name>[A-Z]+)=(?<value>[^\"\n]*)\"?$", RegexOptions.Multiline)]
    private static partial Regex Variable();

    [GeneratedRegex("^[^#\n]*?(?:rnnlm |command: )(?<words>(?:coordinator|worker) --[^&'\n]*)", RegexOptions.Multiline)]
    private static partial Regex Command();

    /// <summary>A variable or what a command prints, within quotes or not.</summary>
    [GeneratedRegex("\"?(\\$\\([a-z]+\\)|\\$[a-z0-9]+)(?<rest>[^ \"]*)\"?")]
    private static partial Regex ShellValue();

    [GeneratedRegex("stop_grace_period: ([0-9]+)s")]
    private static partial Regex GracePeriod();
}
