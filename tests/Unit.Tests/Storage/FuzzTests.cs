using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace RnnLm.Tests;

/// <summary>
/// Every reader of this project on spoilt files: it reads them or refuses them with a documented code, and nothing
/// else.
/// </summary>
public sealed class FuzzTests : IDisposable
{
    private const int Cases = 200;

    private readonly TestRun _run = new();

    [Fact]
    public void Safetensors()
    {
        float[] values = [1, 2, 3, 4, 5, 6];
        string path = _run["a"];
        SafetensorsWriter.Write(
            path,
            [new NamedTensor("fc.weight", [2, 3], () => values), new NamedTensor("b", [], () => values.AsSpan(0, 1))]);
        Spoil(path, () =>
        {
            using var file = SafetensorsFile.Open(path);
            foreach (var tensor in file.Tensors)
            {
                file.Read(tensor, new float[tensor.ElementCount]);
            }
        });
    }

    [Fact]
    public void Safetensors_headers_that_are_JSON()
    {
        string path = _run["a"];
        var header = JsonNode.Parse(
            """{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}""" +
            ""","b":{"dtype":"F32","shape":[],"data_offsets":[24,28]}}""")!;
        for (int seed = 0; seed < Cases; seed++)
        {
            byte[] text = Encoding.UTF8.GetBytes(new Mutation(seed).Of(header).ToJsonString());
            File.WriteAllBytes(path, [.. BitConverter.GetBytes((ulong)text.Length), .. text, .. new byte[28]]);
            RequireDocumented(seed, () => SafetensorsFile.Open(path).Dispose());
        }
    }

    [Fact]
    public void Lease()
    {
        _run.Lease.Dispose();
        Spoil(_run["lease.1"], () =>
        {
            using var other = new FileStream(_run["lease.lock"], FileMode.Open, FileAccess.Read, FileShare.None);
            _run.Run.TakeLease(TestRun.Holder(2));
        });
    }

    [Fact]
    public void Ledger()
    {
        using (var ledger = _run.Run.OpenLedger(_run.Lease, 0, LedgerChain.Empty))
        {
            ledger.Append(
                [
                    new LedgerEntry(0, 7, 64, false),
                    new LedgerEntry(1, ulong.MaxValue, 64, true),
                    new LedgerEntry(2, 9, 12, false),
                ]);
        }

        Spoil(_run["ledger.1.json"], () =>
        {
            var content = _run.Run.ReadLedger();
            _run.Run.OpenLedger(_run.Lease, content.Entries.Count, content.Chain).Dispose();
        });
    }

    [Fact]
    public void Metrics()
    {
        using (var metrics = _run.Run.OpenMetrics(_run.Lease, 0))
        {
            foreach (int step in Enumerable.Range(0, 5))
            {
                metrics.Append(json => json.WriteNumber("step", step));
            }
        }

        Spoil(_run["metrics.1.jsonl"], () => _run.Run.OpenMetrics(_run.Lease, 3).Dispose());
    }

    [Fact]
    public void Config() => Spoil(_run["config.1.json"], () => _run.Run.ReadConfig());

    [Theory]
    [InlineData("DONE")]
    [InlineData("state.json")]
    [InlineData("model.safetensors")]
    public void Checkpoints(string name)
    {
        string directory = _run.Store.Save(TestRun.Snapshot(100, validationLoss: 2));
        Spoil(Path.Combine(directory, name), () => Checkpoint.Open(directory).OpenModel().Dispose());
    }

    /// <summary>Whoever forges a state can forge its DONE as well.</summary>
    [Fact]
    public void States_that_DONE_agrees_with()
    {
        string directory = _run.Store.Save(TestRun.Snapshot(100, validationLoss: 2));
        string path = Path.Combine(directory, CheckpointNames.State);
        var state = JsonNode.Parse(File.ReadAllText(path))!;
        for (int seed = 0; seed < Cases; seed++)
        {
            File.WriteAllText(path, new Mutation(seed).Of(state).ToJsonString());
            File.WriteAllText(
                Path.Combine(directory, CheckpointNames.Done),
                string.Concat(CheckpointNames.Hashed.Select(name => DoneLine(directory, name))));
            RequireDocumented(seed, () =>
            {
                _run.Run.OpenCheckpoints(_run.Lease);
                Checkpoint.Open(directory);
            });
        }
    }

    public void Dispose() => _run.Dispose();

    private static string DoneLine(string directory, string name)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(directory, name));
        return $"{Convert.ToHexStringLower(SHA256.HashData(file))}  {name}\n";
    }

    private static void Spoil(string path, Action read)
    {
        byte[] good = File.ReadAllBytes(path);
        for (int seed = 0; seed < Cases; seed++)
        {
            File.WriteAllBytes(path, new Mutation(seed).Of(good));
            RequireDocumented(seed, read);
        }
    }

    private static void RequireDocumented(int seed, Action read)
    {
        try
        {
            read();
        }
        catch (RnnLmException refusal)
        {
            Assert.True(
                refusal.ExitCode is ExitCode.BadInput or ExitCode.Storage or ExitCode.Cluster,
                $"seed {seed}: {refusal}");
            Assert.DoesNotContain(refusal.Message, char.IsControl);
        }
#pragma warning disable CA1031 // The test is that there is no other.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Assert.Fail($"seed {seed}: {failure}");
        }
    }
}
