using FsCheck.Fluent;

namespace RnnLm.Tests;

/// <summary>Contiguous text in parallel streams.</summary>
public sealed class StreamsTests : IDisposable
{
    private readonly TestCorpus _corpus = new();
    private readonly Dictionary<int, (TokenFile, IReadOnlyDictionary<int, int>)> _texts = [];

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void Go_on_row_by_row_and_predict_every_token_once_an_epoch() =>
        Property.Holds(
            from tokens in Gen.Choose(2, 120)
            from rows in Gen.Choose(1, 9)
            from bptt in Gen.Choose(1, 12)
            from shardBits in Gen.Choose(0, 3)
            select (tokens, rows, bptt, shards: 1 << shardBits),
            values =>
            {
                if (values.tokens - 1 < values.rows)
                {
                    return;
                }

                var (text, placeOf) = Text(values.tokens);
                var settings = Settings(values.rows, values.bptt, values.shards);
                var plan = new Plan(CorpusExamples.ForTraining(text, settings).Training, settings);
                int rowInputs = (values.tokens - 1) / values.rows;
                Assert.Equal((rowInputs + values.bptt - 1) / values.bptt, plan.StepsPerEpoch);
                var predicted = new List<int>();
                int?[] last = new int?[values.rows];
                for (long step = 0; step < plan.StepsPerEpoch; step++)
                {
                    var shards = plan.Step(step);
                    Assert.Equal(shards.Select(shard => shard.Hash()), plan.Step(step + plan.StepsPerEpoch)
                        .Select(shard => shard.Hash()));
                    int row = 0;
                    foreach (var shard in shards)
                    {
                        Assert.Equal(row, shard.ExampleCount == 0 ? row : shard.FirstExample);
                        for (int example = 0; example < shard.ExampleCount; example++, row++)
                        {
                            int[] ids = [.. shard.Example(example).ToArray().Select(id => placeOf[id])];
                            Assert.Equal(last[row] ?? row * rowInputs, ids[0]);
                            Assert.Equal(Enumerable.Range(ids[0], ids.Length), ids);
                            predicted.AddRange(ids[1..]);
                            last[row] = ids[^1];
                        }
                    }

                    Assert.Equal(values.rows, row);
                }

                Assert.Equal(Enumerable.Range(1, values.rows * rowInputs), predicted.Order());
            },
            cases: 200);

    [Fact]
    public void Hold_out_the_end_of_the_text_and_evaluate_a_text_from_its_beginning_to_its_end()
    {
        var (text, placeOf) = Text(10_000);
        var settings = Settings(rows: 4, bptt: 10, shards: 2) with { HeldOutPerMille = 300 };
        var examples = CorpusExamples.ForTraining(text, settings);
        var plan = new Plan(examples.Training, settings);
        Assert.Equal(
            Enumerable.Range(0, 6_997),
            Enumerable.Range(0, (int)plan.StepsPerEpoch).SelectMany(step => plan.Step(step))
                .SelectMany(shard => shard.Ids).Distinct().Select(id => placeOf[id]).Order());
        Assert.Equal(
            Enumerable.Range(7_000, 3_000),
            Read(new ExamplePieces(examples.HeldOut, settings)).Select(id => placeOf[id]));
        Assert.Equal(
            Enumerable.Range(0, 10_000),
            Read(new ExamplePieces(CorpusExamples.ForEvaluation(text, settings), settings)).Select(id => placeOf[id]));
    }

    [Fact]
    public void Are_refused_in_one_line_where_they_cannot_be()
    {
        var (text, _) = Text(10);
        var few = Assert.Throws<RnnLmException>(() => CorpusExamples.ForTraining(text, Settings(10, 3, 1)));
        Assert.Contains("has 10 tokens to train on, too few for 10 streams", few.Message);
        var sentences = Assert.Throws<RnnLmException>(
            () => CorpusExamples.ForTraining(
                _corpus.DistinctSentences(3), Settings(1, 3, 1) with { Mode = ExampleMode.Sentences }));
        Assert.Equal(ExitCode.Usage, sentences.ExitCode);
        Assert.Contains("--bptt 3: streams are cut from contiguous text", sentences.Message);
    }

    /// <summary>A text of tokens of which no two are alike, and where each stands.</summary>
    private (TokenFile Text, IReadOnlyDictionary<int, int> PlaceOf) Text(int tokens)
    {
        if (!_texts.TryGetValue(tokens, out var text))
        {
            var file = _corpus.DistinctTokens(tokens);
            int[] ids = new int[tokens];
            file.Read(0, ids);
            _texts[tokens] = text = (file, Enumerable.Range(0, tokens).ToDictionary(place => ids[place]));
        }

        return text;
    }

    /// <summary>The text of pieces, each of which begins with the last token of the one before.</summary>
    private static IEnumerable<int> Read(ExamplePieces pieces)
    {
        int? last = null;
        foreach (var piece in pieces)
        {
            Assert.Equal(1, piece.ExampleCount);
            Assert.Equal(last ?? piece.Ids[0], piece.Ids[0]);
            foreach (int id in last is null ? piece.Ids : piece.Ids[1..])
            {
                yield return id;
            }

            last = piece.Ids[^1];
        }
    }

    private static PlanSettings Settings(int rows, int bptt, int shards) =>
        new(ExampleMode.Windows, Context: 30, rows, shards, HeldOutPerMille: 0, Seed: 1, bptt);
}
