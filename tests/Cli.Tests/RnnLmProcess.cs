using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace RnnLm.Cli.Tests;

/// <summary>The built program, running as a process of its own.</summary>
internal sealed class RnnLmProcess : IDisposable
{
    /// <summary>
    /// A process that hangs is killed after this long, so that a test fails instead of waiting for ever.
    /// </summary>
    private static readonly TimeSpan LongestLife = TimeSpan.FromMinutes(10);

    private readonly Process _process;
    private readonly Task<string> _error;
    private readonly StringBuilder _output = new();
    private readonly CancellationTokenSource _end = new(LongestLife);

    private RnnLmProcess(
        string workingDirectory, IEnumerable<string> arguments, string redirection = "", params string[] variables)
        : this(StartInfo(workingDirectory, variables, ["sh", "-c", $"exec \"$@\" {redirection}", "sh"], arguments))
    {
    }

    private RnnLmProcess(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _error = _process.StandardError.ReadToEndAsync();
        _end.Token.Register(_process.Kill);
    }

    /// <summary>How <c>rnnlm</c> is started.</summary>
    /// <param name="workingDirectory">Where it runs.</param>
    /// <param name="variables">Of its environment: NAME=value.</param>
    /// <param name="launcher">What starts it and becomes it; may be empty.</param>
    /// <param name="arguments">Of <c>rnnlm</c>.</param>
    public static ProcessStartInfo StartInfo(
        string workingDirectory,
        IEnumerable<string> variables,
        IEnumerable<string> launcher,
        IEnumerable<string> arguments) => StartInfo(
            workingDirectory,
            variables,
            [.. launcher, Host, Path.Combine(AppContext.BaseDirectory, "rnnlm.dll"), .. arguments]);

    private static ProcessStartInfo StartInfo(
        string workingDirectory, IEnumerable<string> variables, IEnumerable<string> command)
    {
        // A shell that runs the tests in the background hands down an ignored SIGINT, which the child would ignore too.
        string[] all = ["--default-signal=INT,TERM,HUP", "--unset=TERM", .. variables, .. command];
        return new ProcessStartInfo("env", all)
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
    }

    /// <summary>What runs a .dll.</summary>
    public static string Host => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>Its number.</summary>
    public int Id => _process.Id;

    /// <summary>Starts <c>rnnlm</c> with these arguments.</summary>
    public static RnnLmProcess Start(TemporaryDirectory directory, params IEnumerable<string> arguments) =>
        new(directory.Root, arguments);

    /// <summary>Starts another program.</summary>
    /// <param name="workingDirectory">Where it runs.</param>
    /// <param name="variables">Of its environment: NAME=value, or --unset=NAME.</param>
    /// <param name="command">The program and its arguments.</param>
    public static RnnLmProcess StartOther(
        string workingDirectory, IEnumerable<string> variables, params IEnumerable<string> command) =>
        new(StartInfo(workingDirectory, variables, command));

    /// <summary>Starts <c>rnnlm</c> with a variable that names a directory beside its files.</summary>
    public static RnnLmProcess StartWith(
        string variable, string name, TemporaryDirectory directory, params IEnumerable<string> arguments) =>
        new(directory.Root, arguments, variables: $"{variable}={Path.Combine(directory.Root, name)}");

    /// <summary>Runs <c>rnnlm</c> with these arguments to its end.</summary>
    public static ProcessResult Run(TemporaryDirectory directory, params IEnumerable<string> arguments)
    {
        using var process = Start(directory, arguments);
        return process.WaitForEnd();
    }

    /// <summary>The same with variables of the environment: NAME=value.</summary>
    public static ProcessResult RunWith(
        TemporaryDirectory directory, string[] variables, params IEnumerable<string> arguments)
    {
        using var process = new RnnLmProcess(directory.Root, arguments, variables: variables);
        return process.WaitForEnd();
    }

    /// <summary>The same with a redirection of the shell, like <c>&gt; /dev/full</c>.</summary>
    public static ProcessResult RunRedirected(
        TemporaryDirectory directory, string redirection, params IEnumerable<string> arguments)
    {
        using var process = new RnnLmProcess(directory.Root, arguments, redirection);
        return process.WaitForEnd();
    }

    /// <summary>
    /// Reads stdout, which must be that of <c>--json</c>, until a step with this number or a later one is committed.
    /// </summary>
    public void WaitForStep(long step) => WaitFor($"step {step}", line => line.Step() >= step);

    /// <summary>Reads on until so many steps more are committed.</summary>
    public void WaitForSteps(int count)
    {
        var last = WaitFor("a step", line => line.Step() is not null);
        WaitForStep(last.Step()!.Value + count);
    }

    /// <summary>Reads stdout until a line with this text.</summary>
    public void WaitForLine(string text) =>
        WaitForText($"'{text}'", line => line.Contains(text, StringComparison.Ordinal));

    /// <summary>Reads stdout, which must be that of <c>--json</c>, until this event.</summary>
    public void WaitForEvent(string name) => WaitFor(name, line => line.IsEvent(name));

    /// <summary>The same for an event of a worker.</summary>
    public void WaitForEvent(string name, string worker) => WaitFor(
        $"{name} of {worker}", line => line.IsEvent(name) && line.GetProperty("worker").GetString() == worker);

    /// <summary>Sends a signal, e.g. <c>INT</c>.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{Id}"]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    public ProcessResult WaitForEnd()
    {
        _output.Append(_process.StandardOutput.ReadToEnd());
        _process.WaitForExit();
        Assert.False(_end.IsCancellationRequested, $"killed after {LongestLife}: {_output}");
        return new ProcessResult(_process.ExitCode, _output.ToString(), _error.Result);
    }

    /// <summary>Waits for the end and reads no more of stdout: its exit code.</summary>
    public int WaitForEndUnread()
    {
        _process.WaitForExit();
        Assert.False(_end.IsCancellationRequested, $"killed after {LongestLife}");
        return _process.ExitCode;
    }

    private JsonElement WaitFor(string what, Func<JsonElement, bool> isIt) =>
        JsonElement.Parse(WaitForText(what, line => isIt(JsonElement.Parse(line))));

    private string WaitForText(string what, Func<string, bool> isIt)
    {
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            _output.Append(line).Append('\n');
            if (isIt(line))
            {
                return line;
            }
        }

        throw new InvalidOperationException(
            $"it ended with exit code {WaitForEnd().ExitCode} before {what}: {_error.Result}");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _end.Dispose();
        _process.Dispose();
    }
}
