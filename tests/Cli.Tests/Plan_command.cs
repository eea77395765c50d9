using System.Text.Json;

namespace RnnLm.Cli.Tests;

[Collection(SmallRun.Collection)]
public sealed class Plan_command(SmallRun small)
{
    private long StepsPerEpoch => small.Training.Event("begin").GetProperty("steps_per_epoch").GetInt64();

    [Fact]
    public void Prints_an_object_for_each_shard_of_each_step_in_order()
    {
        var shards = Plan(3, 6);
        var expected = Enumerable.Range(3, 3)
            .SelectMany(step => Enumerable.Range(0, SmallRun.Shards).Select(shard => (step, shard)));
        Assert.Equal(
            expected,
            shards.Select(shard => (shard.GetProperty("step").GetInt32(), shard.GetProperty("shard").GetInt32())));
        Assert.All(shards, shard => Assert.Equal(["step", "shard", "examples"], Names(shard)));
        Assert.All(Examples(shards), example => Assert.Equal(["input", "target"], Names(example)));
    }

    [Fact]
    public void Targets_are_the_inputs_one_token_on()
    {
        Assert.All(Examples(Plan(0, StepsPerEpoch)), example =>
        {
            int[] input = Ids(example, "input");
            int[] target = Ids(example, "target");
            Assert.Equal(input.Length, target.Length);
            Assert.Equal(input[1..], target[..^1]);
        });
    }

    [Fact]
    public void Each_window_of_the_text_comes_once_in_each_epoch_and_in_another_order()
    {
        // Cut by hand: windows of 13 characters that begin every 12.
        var windows = Enumerable.Range(0, (small.Text.Length - 2 + SmallRun.Context) / SmallRun.Context)
            .Select(i => i * SmallRun.Context)
            .Select(start => small.Text.Substring(start, Math.Min(SmallRun.Context + 1, small.Text.Length - start)))
            .Order(StringComparer.Ordinal)
            .ToList();
        var first = Texts(Plan(0, StepsPerEpoch));
        var second = Texts(Plan(StepsPerEpoch, 2 * StepsPerEpoch));
        Assert.Equal(windows, first.Order(StringComparer.Ordinal));
        Assert.Equal(windows, second.Order(StringComparer.Ordinal));
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void Reported_losses_begin_with_the_one_that_the_first_checkpoint_has_on_the_plans_ids()
    {
        var model = new ReferenceModel(small.Run, "checkpoints/step-00000000.1");
        double loss = 0;
        int tokens = 0;
        foreach (var example in Examples(Plan(0, 1)))
        {
            int[] input = Ids(example, "input");
            loss += model.Loss(input, Ids(example, "target"));
            tokens += input.Length;
        }

        var step = small.Run.Steps[0];
        Assert.Equal(0, step.Step());
        Assert.Equal(tokens, step.GetProperty("tokens").GetInt32());
        Assert.Equal(loss / tokens, step.GetProperty("loss").GetDouble(), 1e-5 * loss / tokens);
        Assert.Equal(
            Math.Exp(loss / tokens), step.GetProperty("perplexity").GetDouble(), 1e-4 * Math.Exp(loss / tokens));
    }

    private static IEnumerable<string> Names(JsonElement element) =>
        element.EnumerateObject().Select(property => property.Name);

    private static int[] Ids(JsonElement example, string name) =>
        [.. example.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];

    private static IEnumerable<JsonElement> Examples(IEnumerable<JsonElement> shards) =>
        shards.SelectMany(shard => shard.GetProperty("examples").EnumerateArray());

    private List<string> Texts(IEnumerable<JsonElement> shards) =>
        [.. Examples(shards).Select(example =>
            small.Run.Tokenizer.Decode([.. Ids(example, "input"), Ids(example, "target")[^1]]))];

    private IReadOnlyList<JsonElement> Plan(long first, long end) =>
        RnnLmProcess.Run(small.Directory, "plan", "--run", SmallRun.Name, "--steps", $"{first}..{end}", "--json")
            .Succeeded().Objects;
}
