using System.ComponentModel;

namespace RnnLm.Compare;

/// <summary>The machine's PyTorch: the scripts of bench/pytorch.</summary>
internal static class PyTorch
{
    private const int Processes = 2;
    private static readonly string Python =
        Environment.GetEnvironmentVariable("PYTHON") is { Length: > 0 } named ? named : "/usr/bin/python3";

    /// <summary>What is measured; nothing, and a line that says so, without PyTorch.</summary>
    public static IEnumerable<Candidate> Candidates(
        Workspace workspace, int steps, Func<string, Func<int, int, Measurement>, int, Candidate> bestOfThreads)
    {
        if (Version() is not { Length: > 0 } version)
        {
            Console.WriteLine(
                $"{Python} has no PyTorch with NumPy: left out (Debian: python3-torch; PYTHON names another)");
            yield break;
        }

        Candidate Script(string name, string script) => bestOfThreads(
            $"{name} PyTorch {version}", (threads, count) => Train(script, workspace, threads, count), steps);
        yield return Script("time loop in", "train_elman_loop");
        yield return Script("nn.RNN of", "train_nn_rnn");
        yield return new Candidate(
            $"the same, DDP over gloo, {Processes} processes", () => TrainDistributed(workspace, steps));
    }

    /// <summary>Empty when PyTorch or NumPy is missing, null when Python is.</summary>
    private static string? Version()
    {
        try
        {
            const string Script = "try:\n import numpy, torch; print(torch.__version__)\nexcept ImportError: pass";
            return ChildProcess.Run([Python, "-c", Script]).Output.Trim();
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    private static Measurement Train(string script, Workspace workspace, int threads, int steps) =>
        Measure([ScriptCommand(script, workspace, threads, steps)], threads);

    private static Measurement TrainDistributed(Workspace workspace, int steps)
    {
        string rendezvous = Path.Combine(workspace.Root, "rendezvous");
        File.Delete(rendezvous);
        int threads = Math.Max(1, Program.Cores / Processes);
        IReadOnlyList<string> common = ScriptCommand("train_ddp", workspace, threads, steps);
        common = [.. common, "--world", $"{Processes}", "--rendezvous", rendezvous];
        return Measure(
            [.. Enumerable.Range(0, Processes).Select(rank => (IReadOnlyList<string>)[.. common, "--rank", $"{rank}"])],
            threads);
    }

    private static IReadOnlyList<string> ScriptCommand(string script, Workspace workspace, int threads, int steps) =>
    [
        Python, "-m", $"pytorch.{script}", "--run", workspace.PlannedRun, "--plan", workspace.Plan,
        "--steps", $"{steps}", "--threads", $"{threads}",
    ];

    private static Measurement Measure(IReadOnlyList<IReadOnlyList<string>> commands, int threads)
    {
        var (output, peakMb) = ChildProcess.RunTogether(
            commands,
            ("PYTHONPATH", Path.Combine(Program.Root, "bench")),
            ("GLOO_SOCKET_IFNAME", "lo"),
            ("OMP_NUM_THREADS", $"{threads}"),
            ("OPENBLAS_NUM_THREADS", $"{threads}"));
        return new Measurement(StepTimes.Parse(output).TokensPerSecond, peakMb);
    }
}
