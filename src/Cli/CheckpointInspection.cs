using System.Globalization;
using RnnLm.Storage;

namespace RnnLm.Cli;

/// <summary>Inspects one checkpoint by itself: its hashes, its state, the tensors in its files.</summary>
internal static class CheckpointInspection
{
    /// <summary>The report.</summary>
    /// <exception cref="RnnLmException">It is no checkpoint, or it is damaged.</exception>
    public static InspectionReport Run(string path)
    {
        var checkpoint = Checkpoint.Open(path);
        var facts = new List<KeyValuePair<string, string>>();
        void Fact(string name, string value) => facts.Add(new(name, value));

        var state = checkpoint.State;
        Fact("checkpoint", checkpoint.Path);
        Fact("step", state.Step.ToString(CultureInfo.InvariantCulture));
        Fact("epoch", state.Epoch.ToString(CultureInfo.InvariantCulture));
        Fact("examples", state.ExamplesSeen.ToString(CultureInfo.InvariantCulture));
        Fact("tokens", state.Tokens.ToString(CultureInfo.InvariantCulture));
        Fact("validation loss", state.ValidationLoss?.ToString("F6", CultureInfo.InvariantCulture) ?? "not evaluated");
        Fact("job", state.JobHash);
        Fact("ledger", state.Ledger.ToString());
        foreach (var (name, hash) in checkpoint.Hashes)
        {
            Fact(name, $"sha256 {hash}");
        }

        using var model = checkpoint.OpenModel();
        foreach (var tensor in model.Tensors)
        {
            Fact(tensor.Name, $"[{string.Join(", ", tensor.Shape)}]");
        }

        Fact("parameters", model.Tensors.Sum(tensor => tensor.ElementCount).ToString("N0", CultureInfo.InvariantCulture));
        return new InspectionReport(facts, []);
    }
}
