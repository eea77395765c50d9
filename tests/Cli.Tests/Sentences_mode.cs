using System.Text.Json;

namespace RnnLm.Cli.Tests;

/// <summary>
/// One sentence a line, digits folded, cut at 30 tokens, shorter than 2 tokens
/// dropped.
/// </summary>
public sealed class Sentences_mode : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Lines_are_folded_and_cut_and_short_ones_dropped()
    {
        _directory.Write(
            "corpus.txt",
            "In 1492 he had 3 ships. And 90 men.\n\nx\n7\nab\n  padded  \nthe last line has no newline");
        RnnLmProcess.Run(
            _directory,
            "train", "--corpus", "corpus.txt", "--run", "run", "--preset", "lm-book", "--tokenizer", "char",
            "--dimension", "16", "--held-out", "0", "--steps", "1").Succeeded();
        var shards = RnnLmProcess.Run(_directory, "plan", "--run", "run", "--steps", "0..1", "--json")
            .Succeeded().Objects;

        var tokenizer = _directory.Run("run").Tokenizer;
        var texts = shards.SelectMany(shard => shard.GetProperty("examples").EnumerateArray())
            .Select(example => tokenizer.Decode([.. Ids(example, "input"), Ids(example, "target")[^1]]));
        string[] expected =
        [
            "In ### he had ### ships. And ###",
            "###",
            "ab",
            "padded",
            "the last line has no newline",
        ];
        Assert.Equal(
            expected.Select(text => text[..Math.Min(30, text.Length)]).Order(StringComparer.Ordinal),
            texts.Order(StringComparer.Ordinal));
    }

    public void Dispose() => _directory.Dispose();

    private static int[] Ids(JsonElement example, string name) =>
        [.. example.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
