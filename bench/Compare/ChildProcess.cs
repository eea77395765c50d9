using System.Diagnostics;
using System.Globalization;

namespace RnnLm.Compare;

/// <summary>What a process printed, and its peak resident memory in MB (10⁶ bytes).</summary>
internal sealed record ProcessResult(string Output, double PeakMb);

/// <summary>Whole processes, measured from outside.</summary>
internal static class ChildProcess
{
    /// <summary>The longest a measurement may take.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromHours(1);

    /// <summary>Between two looks at a process's memory, in milliseconds.</summary>
    private const int PollMs = 10;

    private const int MostErrorShown = 2000;

    /// <summary>Starts a process whose output is ours to read.</summary>
    /// <param name="command">Program and arguments.</param>
    /// <param name="environment">Variables besides those inherited.</param>
    public static Process Start(IReadOnlyList<string> command, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>Runs a process to its end.</summary>
    /// <exception cref="RnnLmException">It failed, or took longer than an hour.</exception>
    public static ProcessResult Run(IReadOnlyList<string> command, params (string Name, string Value)[] environment) =>
        RunTogether([command], environment);

    /// <summary>Runs processes side by side: what the first printed, and the sum of their peaks.</summary>
    /// <exception cref="RnnLmException">One failed, or took longer than an hour.</exception>
    public static ProcessResult RunTogether(
        IReadOnlyList<IReadOnlyList<string>> commands, params (string Name, string Value)[] environment)
    {
        var children = commands.Select(command => new Child(command, environment)).ToList();
        try
        {
            long began = Stopwatch.GetTimestamp();
            while (children.ConvertAll(child => child.IsRunning()).Contains(true)
                && !children.Any(child => child.HasFailed))
            {
                if (Stopwatch.GetElapsedTime(began) > Limit)
                {
                    throw RnnLmException.BadInput(
                        $"{string.Join(' ', commands[0])} has not ended within {Limit.TotalHours:0} h");
                }

                Thread.Sleep(PollMs);
            }

            foreach (var child in children.Where(child => child.HasFailed))
            {
                throw RnnLmException.BadInput(child.Failure());
            }

            return new ProcessResult(children[0].Output(), children.Sum(child => child.PeakMb));
        }
        finally
        {
            children.ForEach(child => child.Dispose());
        }
    }

    private sealed class Child : IDisposable
    {
        private readonly Process _process;
        private readonly Task<string> _output;
        private readonly Task<string> _errors;
        private readonly IReadOnlyList<string> _command;

        public Child(IReadOnlyList<string> command, (string Name, string Value)[] environment)
        {
            _command = command;
            _process = Start(command, environment);
            _output = _process.StandardOutput.ReadToEndAsync();
            _errors = _process.StandardError.ReadToEndAsync();
        }

        public double PeakMb { get; private set; }

        public bool HasFailed => _process.HasExited && _process.ExitCode != 0;

        /// <summary>Looks at its memory, and whether it goes on.</summary>
        public bool IsRunning()
        {
            PeakMb = Math.Max(PeakMb, PeakOf(_process.Id));
            return !_process.HasExited;
        }

        public string Output() => _output.GetAwaiter().GetResult();

        public string Failure()
        {
            string errors = _errors.GetAwaiter().GetResult().Trim();
            Console.Error.WriteLine(errors[Math.Max(0, errors.Length - MostErrorShown)..]);
            return $"{string.Join(' ', _command)} ended with {_process.ExitCode}; what it said is above";
        }

        public void Dispose()
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
            }

            _process.Dispose();
        }

        /// <summary>The kernel's high-water mark, which only grows; 0 when the process has just ended.</summary>
        private static double PeakOf(int id)
        {
            try
            {
                var numbers = File.ReadLines($"/proc/{id}/status")
                    .Where(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
                    .Select(line => long.Parse(line.Split(' ', '\t')[^2], CultureInfo.InvariantCulture));
                return numbers.FirstOrDefault() * 1024 / 1e6;
            }
            catch (IOException)
            {
                return 0;
            }
        }
    }
}
