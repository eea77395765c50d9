namespace RnnLm.Cli.Tests;

/// <summary>The settings of each preset fit together: shown on a text and a model of a few values.</summary>
public sealed class Presets : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public static TheoryData<string> Names => [.. Preset.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Train(string preset)
    {
        _directory.Write("text.txt", SmallText.Sentences(400));
        List<string> settings =
        [
            "train", "--preset", preset, "--corpus", "text.txt", "--run", "run", "--dimension", "8", "--embedding", "8",
            "--batch", "8", "--steps", "2",
        ];
        if (preset.StartsWith("ptb", StringComparison.Ordinal))
        {
            settings.AddRange(["--valid", "text.txt"]);
        }

        if (preset is "lm-book" or "quick")
        {
            // Its own pieces are fetched, or take long to make.
            settings.AddRange(["--tokenizer", "char"]);
        }

        RnnLmProcess.Run(_directory, settings).Succeeded();
        Assert.Equal(2, _directory.Run("run").FinalStep);
        RnnLmProcess.Run(_directory, "inspect", "run", "--plan").Succeeded();
    }

    public void Dispose() => _directory.Dispose();
}
