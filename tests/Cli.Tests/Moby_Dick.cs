using RnnLm.Data;

namespace RnnLm.Cli.Tests;

public sealed class Moby_Dick : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [NpmFact]
    public void Is_predicted_better_by_a_short_training_of_the_char_preset_than_by_character_trigrams()
    {
        var training = RnnLmProcess
            .Run(_directory, "train", "--preset", "char", "--run", "run", "--steps", "280", "--json")
            .Succeeded();

        var job = _directory.Run("run").Job;
        using var corpus = new CorpusLoader(CacheDirectory.Default(), threads: 2)
            .Load(
                DefaultCorpora.MobyDick(NpmPackages.Store),
                new CorpusSettings(job.Plan.Mode),
                _directory.Run("run").Tokenizer);
        Assert.Equal(job.Corpus.Hash, corpus.ContentHash);
        var examples = CorpusExamples.ForTraining(corpus.Tokens, job.Plan);
        double trigrams = new TrigramModel(examples.Training, job.Model.VocabularySize).Loss(examples.HeldOut);

        Assert.InRange(trigrams, 1.9, 2.1);
        Assert.InRange(training.Event("finished").GetProperty("validation_loss").GetDouble(), 0, trigrams - 0.05);
    }

    public void Dispose() => _directory.Dispose();
}
