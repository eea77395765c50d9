using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using RnnLm.Cluster.Tests;
using RnnLm.Data;

namespace RnnLm.Cli.Tests;

/// <summary>The tool, and programs that reference the packages: the samples.</summary>
[Collection(Packaging.Collection)]
public sealed class Packages(PackedProducts products) : IClassFixture<PackedProducts>
{
    private const string Prompt = "the old ";

    private static readonly string s_version = typeof(ExitCode).Assembly.GetName().Version!.ToString(3);

    [Fact]
    public void There_are_the_tool_and_the_libraries()
    {
        string[] libraries =
        [
            "RnnLm.Cluster", "RnnLm.Coordinator", "RnnLm.Data", "RnnLm.Hosting", "RnnLm.Shared", "RnnLm.Storage",
            "RnnLm.Worker",
        ];
        Assert.Equal(
            [.. libraries.Append("rnnlm").Select(name => $"{name}.{s_version}.nupkg")],
            Directory.GetFiles(products.Packages).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (string library in libraries)
        {
            string nuspec = products.Read($"{library}.{s_version}.nupkg", $"{library}.nuspec");
            Assert.Contains("<license type=\"file\">LICENSE</license>", nuspec, StringComparison.Ordinal);
            Assert.Contains("<readme>README.md</readme>", nuspec, StringComparison.Ordinal);
            Assert.DoesNotContain(Repository.Root, nuspec, StringComparison.Ordinal);
        }

        string worker = products.Read($"RnnLm.Worker.{s_version}.nupkg", "RnnLm.Worker.nuspec");
        Assert.Contains("<dependency id=\"TorchSharp\"", worker, StringComparison.Ordinal);
        Assert.Contains("<dependency id=\"libtorch-cpu-linux-x64\"", worker, StringComparison.Ordinal);
    }

    [Fact]
    public void The_tool_trains_and_starts_worker_processes_of_itself()
    {
        Assert.StartsWith(
            s_version, products.Run(products.Root, products.Tool, "--version").Output, StringComparison.Ordinal);
        string[] train = [products.Tool, "train", .. products.Settings, "--json", "--run"];
        var alone = products.Run(products.Root, [.. train, "runs/tool"]).Event("finished");
        var processes = products.Run(products.Root, [.. train, "runs/processes", "--processes", "2"]).Event("finished");
        Assert.Equal(products.ModelSha256, alone.GetProperty("model_sha256").GetString());
        Assert.Equal(products.ModelSha256, processes.GetProperty("model_sha256").GetString());
    }

    [Fact]
    public void A_user_installs_the_tool()
    {
        products.Run(
            products.Root, RnnLmProcess.Host, "tool", "install", "-g", "rnnlm", "--source", products.Packages);
        string output = products
            .Run(products.Root, Path.Combine(products.Home, ".dotnet/tools/rnnlm"), "plan", "--help").Output;
        Assert.Contains("--steps", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_trains()
    {
        string program = products.Build("Train");
        string output = products.Run(products.Root, RnnLmProcess.Host, program).Output;

        // Whoever guesses among the text's characters has a loss above 3.
        Assert.Matches(@"\n  The harbour \|.+\n", output);
        Assert.Matches(@"\nstep 300: loss 0\.\d+, perplexity 1\.\d+\n$", output);

        // TorchSharp copies all of libtorch there when its own library does not load.
        Assert.False(Directory.Exists(Path.Combine(Path.GetDirectoryName(program)!, "cpu")));
    }

    [Fact]
    public void A_program_trains_with_a_cell_of_another_assembly()
    {
        string program = products.Build("TrainOwnCell");
        string[] options = ["--corpus", products.Text, "--steps", "30", "--held_out", "0", "--run"];
        var alone = products.Run(
            products.Root, [RnnLmProcess.Host, program, .. options, "runs/own-1", "--workers", "1"]);
        var three = products.Run(
            products.Root, [RnnLmProcess.Host, program, .. options, "runs/own-3", "--workers", "3"]);
        Assert.StartsWith("step 30: model sha256 ", alone.Lines[^1], StringComparison.Ordinal);
        Assert.Equal(alone.Lines[^1], three.Lines[^1]);

        // The tool does not know it.
        using var tool = products.Start(
            products.Root, [], products.Tool, "generate", "--run", "runs/own-1", "--prompt", Prompt);
        tool.WaitForEnd().Refused((int)ExitCode.BadInput, "mgu");
    }

    [Fact]
    public void A_program_says_in_a_line_what_it_cannot_do()
    {
        string program = products.Build("JoinCluster");
        using var worker = products.Start(
            Path.Combine(products.Root, "samples/JoinCluster"), ["RNNLM_THREADS=many"], RnnLmProcess.Host, program);
        var end = worker.WaitForEnd();
        Assert.Equal((int)ExitCode.Usage, end.ExitCode);
        Assert.Contains(
            "option 'threads' of RnnLm: --threads many: it must be a whole number", end.Output,
            StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", end.Output + end.Error, StringComparison.Ordinal);
    }

    /// <summary>The environment has precedence over the program's configuration, and that over the file.</summary>
    [Fact]
    public void Programs_are_a_cluster()
    {
        string program = products.Build("JoinCluster");
        string there = Path.Combine(products.Root, "samples/JoinCluster");
        Directory.CreateDirectory(Path.Combine(there, "storage"));
        File.WriteAllText(
            Path.Combine(there, "options.json"),
            """{ "seed_node": "nowhere.invalid:1", "storage": "/nowhere", "health": "127.0.0.1:0" }""");
        string address = $"127.0.0.1:{FreePorts.Find(1)[0]}";
        string[] options = ["RNNLM_CONFIG=options.json", $"RNNLM_SEED_NODE={address}"];
        using var coordinator = products.Start(
            there, [.. options, $"RNNLM_LISTEN={address}"], RnnLmProcess.Host, program, "--coordinator");
        coordinator.WaitForLine("answers probes at");
        using var worker = products.Start(there, [.. options, "RNNLM_NAME=sample"], RnnLmProcess.Host, program);
        worker.WaitForLine($"sample looks for work at {address}");
        File.WriteAllText(
            Path.Combine(there, "harbour.json"),
            $$"""
            {
              "preset": "char", "corpus": [{{JsonSerializer.Serialize(products.Text)}}], "total_steps": 30,
              "job": { "model": { "dimension": 16 }, "plan": { "held_out_per_mille": 0 } }
            }
            """);
        products.Run(there, products.Tool, "submit", "harbour.json", "--storage", "storage");
        coordinator.WaitForLine($"harbour: trained to step 30, model sha256 {products.ModelSha256}");
        worker.Signal("TERM");
        Assert.Equal(0, worker.WaitForEnd().ExitCode);
        coordinator.Signal("TERM");
        var end = coordinator.WaitForEnd().Succeeded();
        Assert.Contains("leaves the cluster: jobs are saved and handed over", end.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_loads_the_weights_of_a_run()
    {
        float[] logits = LogitsOf(RnnLmProcess.Host, products.Build("LoadWeights"));
        string drawn = Tokenizer.Decode([Array.IndexOf(logits, logits.Max())]);
        string continued = products.Run(
            products.Root, products.Tool, "generate", "--run", products.Trained, "--prompt", Prompt,
            "--temperature", "0", "--tokens", "1").Output;
        Assert.Equal($"{Prompt}{drawn}\n", continued);
    }

    [PyTorchFact]
    public void PyTorch_loads_the_weights_of_a_run()
    {
        float[] ours = LogitsOf(RnnLmProcess.Host, products.Build("LoadWeights"));
        float[] theirs = LogitsOf(PyTorchFactAttribute.Python, Path.Combine(products.Root, "samples/load_weights.py"));
        Assert.Equal(ours.Length, theirs.Length);
        Assert.All(ours.Zip(theirs), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    private ITokenizer Tokenizer => new RunFiles(products.Trained).Tokenizer;

    /// <summary>What a program says of the token that follows the prompt.</summary>
    private float[] LogitsOf(params string[] program)
    {
        var ids = Tokenizer.Encode(Prompt).Select(id => id.ToString(CultureInfo.InvariantCulture));
        string line = Assert.Single(products.Run(products.Root, [.. program, products.Trained, .. ids]).Lines);
        return [.. line.Split(' ').Select(logit => float.Parse(logit, CultureInfo.InvariantCulture))];
    }
}

/// <summary>A test that needs PyTorch; skipped where there is none.</summary>
internal sealed class PyTorchFactAttribute : FactAttribute
{
    /// <summary>What runs it.</summary>
    public const string Python = "/usr/bin/python3";

    private static readonly string? s_whyNot = WhyNot();

    public PyTorchFactAttribute() => Skip = s_whyNot;

    private static string? WhyNot()
    {
        if (!File.Exists(Python))
        {
            return $"there is no {Python}";
        }

        using var python = Process.Start(
            new ProcessStartInfo(Python, ["-c", "import torch"]) { RedirectStandardError = true })!;
        string said = python.StandardError.ReadToEnd().Trim();
        python.WaitForExit();
        return python.ExitCode == 0 ? null : $"{Python} has no PyTorch: {said.Split('\n')[^1]}";
    }
}
