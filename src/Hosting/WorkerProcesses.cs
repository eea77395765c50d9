using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using RnnLm.Coordinator;

namespace RnnLm.Hosting;

/// <summary>
/// Worker processes of this machine: started, watched, started again when they end, and ended with this object or with
/// this process, whose end they hear of as the end of their input.
/// </summary>
/// <param name="count">How many.</param>
/// <param name="arguments">Of process number i, after <c>rnnlm</c>.</param>
/// <param name="maxRestarts">How often one is started again that ends soon.</param>
/// <param name="notice">Takes what is said of them; from any thread.</param>
/// <param name="time">For pauses between starts.</param>
internal sealed class WorkerProcesses(
    int count, Func<int, IEnumerable<string>> arguments, int maxRestarts, Action<string> notice, TimeProvider time)
    : IAsyncDisposable
{
    /// <summary>A process that has lived so long has not ended soon.</summary>
    private static readonly TimeSpan s_soon = TimeSpan.FromMinutes(1);

    /// <summary>Before one that has not ended soon is started again; twice as long for each time in a row that it
    /// has.</summary>
    private const double ShortestPauseSeconds = 0.05;

    private const double LongestPauseSeconds = 10;

    /// <summary>How long a process may take to end when it is asked to.</summary>
    private static readonly TimeSpan s_endDeadline = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _end = new();
    private readonly TaskCompletionSource<StopRequested> _exhausted = new(
        TaskCreationOptions.RunContinuationsAsynchronously);
    private Task[] _watching = [];
    private int _givenUp;

    /// <summary>Ends when none of them is started again any more.</summary>
    public Task<StopRequested> Exhausted => _exhausted.Task;

    /// <summary>Starts them.</summary>
    public void Start() =>
        _watching = [.. Enumerable.Range(0, count).Select(index => Task.Run(() => WatchAsync(index)))];

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_watching).ConfigureAwait(false);
        _end.Dispose();
    }

    private async Task WatchAsync(int index)
    {
        for (int soon = 0; !_end.IsCancellationRequested;)
        {
            long began = time.GetTimestamp();
            string end = await RunAsync(index).ConfigureAwait(false);
            if (_end.IsCancellationRequested)
            {
                return;
            }

            soon = time.GetElapsedTime(began) < s_soon ? soon + 1 : 0;
            string name = $"worker process {index} {end}";
            if (soon > maxRestarts)
            {
                notice($"{name}; it has ended {soon} times, each within a minute of its start, and is given up");
                if (Interlocked.Increment(ref _givenUp) == count)
                {
                    _exhausted.TrySetResult(new StopRequested(ExitCode.Cluster, name));
                }

                return;
            }

            notice($"{name}; it is started again");
            double pause = Math.Min(ShortestPauseSeconds * Math.Pow(2, soon), LongestPauseSeconds);
            await PauseAsync(TimeSpan.FromSeconds(pause)).ConfigureAwait(false);
        }
    }

    private async Task PauseAsync(TimeSpan pause)
    {
        try
        {
            await Task.Delay(pause, time, _end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The caller looks whether it has ended.
        }
    }

    /// <summary>Runs a process to its end; says how that was.</summary>
    private async Task<string> RunAsync(int index)
    {
        using var process = new Process { StartInfo = StartInfo(index) };
        try
        {
            process.Start();
        }
        catch (Win32Exception failure)
        {
            return $"could not be started ({failure.Message})";
        }

        string said = string.Empty;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, line) => said = line.Data ?? said;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(_end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await EndAsync(process).ConfigureAwait(false);
        }

        string how = process.ExitCode > 128
            ? string.Create(CultureInfo.InvariantCulture, $"was ended by signal {process.ExitCode - 128}")
            : string.Create(CultureInfo.InvariantCulture, $"ended with exit code {process.ExitCode}");
        return said.Length > 0 ? $"{how} ({said})" : how;
    }

    private async Task EndAsync(Process process)
    {
        process.StandardInput.Close();
        using var deadline = new CancellationTokenSource(s_endDeadline, time);
        try
        {
            await process.WaitForExitAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync().ConfigureAwait(false);
        }
    }

    private ProcessStartInfo StartInfo(int index)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "rnnlm.dll"));
        }

        // What stands there is for this process.
        foreach (string variable in start.Environment.Keys
            .Where(name => name.StartsWith(Configuration.Prefix, StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(variable);
        }

        foreach (string argument in arguments(index))
        {
            start.ArgumentList.Add(argument);
        }

        return start;
    }
}
