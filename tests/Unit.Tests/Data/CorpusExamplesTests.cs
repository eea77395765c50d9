using FsCheck.Fluent;

namespace RnnLm.Tests;

public sealed class CorpusExamplesTests : IDisposable
{
    private readonly TestCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    [Fact]
    public void A_sentence_is_cut_at_the_context()
    {
        Corpus corpus = _corpus.Load("a b c d e f\ng h\ni\nj k l m\n", ExampleMode.Sentences, "word");
        ExampleSet examples = CorpusExamples.ForEvaluation(corpus.Tokens, Settings(ExampleMode.Sentences, context: 3));
        Assert.Equal(["a b c", "g h", "j k l"], Texts(corpus, examples));
    }

    [Fact]
    public void Windows_share_one_token_with_their_neighbours_and_the_last_may_be_shorter()
    {
        Corpus corpus = _corpus.Load("abcdefghijk", ExampleMode.Windows, "char");
        Assert.Equal(
            ["abcde", "efghi", "ijk"],
            Texts(corpus, CorpusExamples.ForEvaluation(corpus.Tokens, Settings(ExampleMode.Windows, context: 4))));
        Assert.Equal(
            ["abcdef", "fghijk"],
            Texts(corpus, CorpusExamples.ForEvaluation(corpus.Tokens, Settings(ExampleMode.Windows, context: 5))));
    }

    [Fact]
    public void Hello_is_one_window()
    {
        Corpus corpus = _corpus.Load("hello", ExampleMode.Windows, "char");
        CorpusExamples examples = CorpusExamples.ForTraining(
            corpus.Tokens, Settings(ExampleMode.Windows, context: 4, heldOutPerMille: 100));
        Assert.Equal(["hello"], Texts(corpus, examples.Training));
        Assert.Equal(0, examples.HeldOut.Count);
    }

    [Fact]
    public void Held_out_windows_share_no_token_with_training_and_lie_together()
    {
        TokenFile tokens = _corpus.DistinctTokens(20_000);
        foreach (int perMille in (int[])[10, 100, 500])
        {
            CorpusExamples examples = CorpusExamples.ForTraining(
                tokens, Settings(ExampleMode.Windows, context: 7, heldOutPerMille: perMille));
            HashSet<int> training = [.. Ids(examples.Training)];
            int[] heldOut = [.. Ids(examples.HeldOut)];
            Assert.DoesNotContain(heldOut, training.Contains);
            Assert.Equal(20_000, training.Count + heldOut.Distinct().Count());

            // 2,857 windows in 259 blocks of 11 neighbours: 77 tokens, and one at the end where held-out blocks are
            // apart.
            Assert.InRange(heldOut.Distinct().Count(), (20 * perMille) - 77, (20 * perMille) + 77);
            ShardTokens first = examples.HeldOut.Pack([.. Enumerable.Range(0, 11).Select(i => (long)i)]);
            for (int i = 0; i + 1 < first.ExampleCount; i++)
            {
                Assert.Equal(first.Example(i)[^1], first.Example(i + 1)[0]);
            }
        }
    }

    [Fact]
    public void Held_out_sentences_are_not_trained_on()
    {
        TokenFile tokens = _corpus.DistinctSentences(2_000);
        CorpusExamples examples = CorpusExamples.ForTraining(
            tokens, Settings(ExampleMode.Sentences, context: 30, heldOutPerMille: 50));
        Assert.Equal((1_900, 100), (examples.Training.Count, examples.HeldOut.Count));
        HashSet<int> training = [.. Ids(examples.Training)];
        Assert.DoesNotContain(Ids(examples.HeldOut), training.Contains);
        Assert.Equal(5_000, Ids(examples.Training).Concat(Ids(examples.HeldOut)).Count());
    }

    [Fact]
    public void Without_a_share_nothing_is_held_out_and_no_token_is_lost() =>
        Property.Holds(
            from count in Gen.Choose(5, 60)
            from context in Gen.Choose(2, 4)
            select (count, context),
            values =>
            {
                CorpusExamples examples = CorpusExamples.ForTraining(
                    _corpus.DistinctTokens(values.count), Settings(ExampleMode.Windows, values.context));
                Assert.Equal(0, examples.HeldOut.Count);
                Assert.Equal(values.count - 1, new ExamplePieces(examples.Training, 3).Sum(batch => batch.TargetCount));
            },
            cases: 30);

    [Fact]
    public void Pieces_are_bounded_and_give_every_example_in_order()
    {
        ExampleSet examples = CorpusExamples.ForEvaluation(
            _corpus.DistinctSentences(103), Settings(ExampleMode.Sentences, context: 30));
        var pieces = new ExamplePieces(examples, 10);
        Assert.Equal([.. Enumerable.Repeat(10, 10), 3], pieces.Select(piece => piece.ExampleCount));
        Assert.Equal(
            examples.Pack([.. Enumerable.Range(0, 103).Select(i => (long)i)]).Ids,
            pieces.SelectMany(piece => piece.Ids));
    }

    [Fact]
    public void A_corpus_shorter_than_one_example_says_what_it_needs()
    {
        TokenFile five = _corpus.DistinctTokens(5);
        Errors.Expect(
            ExitCode.BadInput,
            () => CorpusExamples.ForTraining(five, Settings(ExampleMode.Windows, context: 5)),
            "5 tokens", "--context 5", "6");
        TokenFile single = _corpus.Load("word\n", ExampleMode.Sentences, "word").Tokens;
        Errors.Expect(
            ExitCode.BadInput,
            () => CorpusExamples.ForTraining(single, Settings(ExampleMode.Sentences, context: 5)),
            "nothing to predict");
        Errors.Expect(
            ExitCode.BadInput,
            () => CorpusExamples.ForEvaluation(single, Settings(ExampleMode.Sentences, context: 5)),
            "nothing to predict");
    }

    [Fact]
    public void Settings_out_of_range_are_usage_errors()
    {
        TokenFile tokens = _corpus.DistinctTokens(50);
        Errors.Expect(
            ExitCode.Usage,
            () => CorpusExamples.ForTraining(tokens, Settings(ExampleMode.Windows, context: 1)),
            "--context 1", "at least 2");
        Errors.Expect(
            ExitCode.Usage,
            () => CorpusExamples.ForTraining(tokens, Settings(ExampleMode.Windows, context: 5, heldOutPerMille: 1000)),
            "1000");
    }

    private static PlanSettings Settings(ExampleMode mode, int context, int heldOutPerMille = 0) =>
        new(mode, context, BatchSize: 8, Shards: 4, heldOutPerMille, Seed: 42);

    private static IEnumerable<int> Ids(ExampleSet examples) =>
        new ExamplePieces(examples, 64).SelectMany(batch => batch.Ids);

    private static IEnumerable<string> Texts(Corpus corpus, ExampleSet examples) =>
        new ExamplePieces(examples, 1).Select(example => corpus.Tokenizer.Decode(example.Ids));
}
