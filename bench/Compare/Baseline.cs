using System.Diagnostics;
using System.Text.Json;
using RnnLm.Worker;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RnnLm.Compare;

/// <summary>Predicted tokens and seconds of each step of a process.</summary>
internal sealed record StepTimes(
    IReadOnlyList<long> Tokens, IReadOnlyList<double> Seconds, IReadOnlyList<double> Losses)
{
    /// <summary>Of the steps that count.</summary>
    public double TokensPerSecond => Tokens.Skip(Program.WarmupSteps).Sum() / Seconds.Skip(Program.WarmupSteps).Sum();

    /// <summary>Reads what a baseline printed; those in Python write the same.</summary>
    public static StepTimes Parse(string output) =>
        JsonSerializer.Deserialize<StepTimes>(output, JobFormat.JsonOptions)!;
}

/// <summary>
/// Language models of the run's size as one would write them with libtorch and nothing else: cross-entropy over the
/// logits of the whole batch, autograd, Adam. One process trains one of them on the batches of a plan.
/// </summary>
internal static class Baseline
{
    /// <summary>The target of a padded position; the loss leaves it out.</summary>
    private const long Ignored = -100;

    /// <summary>Trains on the batches of a workspace.</summary>
    /// <param name="kind">
    /// <c>rnn</c>: libtorch's own recurrence. <c>loop</c>: the model of rnnlm, a loop over time and layers.
    /// </param>
    /// <param name="workspace">Where plan and configuration are.</param>
    /// <param name="threads">Threads of libtorch.</param>
    /// <param name="steps">Steps to train.</param>
    public static StepTimes Train(string kind, Workspace workspace, int threads, int steps)
    {
        set_num_threads(threads);
        random.manual_seed(1);
        var job = workspace.ReadJob();
        nn.Module<Tensor, Tensor> model = kind == "loop" ? new RnnLanguageModel(job.Model) : new NnRnnModel(job.Model);
        Initialize(model, job.Model);
        var settings = job.Optimizer;
        var optimizer = optim.Adam(
            model.parameters(), settings.LearningRate, settings.Beta1, settings.Beta2, settings.Epsilon);
        List<long> tokens = [];
        List<double> seconds = [], losses = [];
        foreach (var (inputs, targets) in ReadBatches(workspace.Plan, job.Model.PaddingId).Take(steps))
        {
            foreach (var group in optimizer.ParamGroups)
            {
                group.LearningRate = settings.LearningRate * settings.Schedule.Factor(tokens.Count);
            }

            using (inputs)
            using (targets)
            {
                tokens.Add(targets.ne(Ignored).sum().ToInt64());
                long began = Stopwatch.GetTimestamp();
                losses.Add(Step(model, optimizer, inputs, targets, settings.ClipNorm));
                seconds.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
            }
        }

        return new StepTimes(tokens, seconds, losses);
    }

    /// <summary>One update; returns the loss per token.</summary>
    private static double Step(
        nn.Module<Tensor, Tensor> model, optim.Optimizer optimizer, Tensor inputs, Tensor targets, double clip)
    {
        using var scope = NewDisposeScope();
        optimizer.zero_grad();
        Tensor loss = nn.functional.cross_entropy(
            model.call(inputs).flatten(0, 1), targets.flatten(), ignore_index: Ignored);
        loss.backward();
        if (clip > 0)
        {
            nn.utils.clip_grad_norm_(model.parameters(), clip);
        }

        optimizer.step();
        return loss.ToDouble();
    }

    /// <summary>Xavier uniform for matrices, uniform [0, 1) for the others, then a padding row of zeros.</summary>
    private static void Initialize(nn.Module model, ModelSettings settings)
    {
        using var unrecorded = no_grad();
        foreach (var (name, parameter) in model.named_parameters())
        {
            _ = parameter.dim() > 1 ? nn.init.xavier_uniform_(parameter) : nn.init.uniform_(parameter);
            if (name == "embedding.weight" && settings.PaddingId >= 0)
            {
                parameter[settings.PaddingId].zero_();
            }
        }
    }

    /// <summary>Inputs and targets (batch, time) of each step, padded to the batch's longest.</summary>
    private static IEnumerable<(Tensor Inputs, Tensor Targets)> ReadBatches(string plan, int paddingId)
    {
        var shards = File.ReadLines(plan)
            .Select(line => JsonSerializer.Deserialize<PlannedShard>(line, JobFormat.JsonOptions)!);
        foreach (var step in shards.GroupBy(shard => shard.Step))
        {
            var examples = step.SelectMany(shard => shard.Examples).ToList();
            yield return (
                Pad([.. examples.Select(example => example.Input)], Math.Max(0, paddingId)),
                Pad([.. examples.Select(example => example.Target)], Ignored));
        }
    }

    private static Tensor Pad(int[][] rows, long value)
    {
        int time = rows.Max(row => row.Length);
        var padded = rows.SelectMany(row =>
            row.Select(id => (long)id).Concat(Enumerable.Repeat(value, time - row.Length)));
        return tensor([.. padded], [rows.Length, time]);
    }

    /// <summary>A line of <c>rnnlm plan --json</c>.</summary>
    private sealed record PlannedShard(long Step, int Shard, PlannedExample[] Examples);

    private sealed record PlannedExample(int[] Input, int[] Target);

    /// <summary>Embedding → <c>nn.RNN</c>, or <c>nn.LSTM</c> or <c>nn.GRU</c> where that is the job's cell → linear
    /// layer: tokens (batch, time) to logits (batch, time, V).</summary>
    private sealed class NnRnnModel : nn.Module<Tensor, Tensor>
    {
        private readonly Embedding embedding;
        private readonly nn.Module rnn;
        private readonly Linear fc;

        public NnRnnModel(ModelSettings settings)
            : base(nameof(NnRnnModel))
        {
            long? padding = settings.PaddingId >= 0 ? settings.PaddingId : null;
            embedding = nn.Embedding(settings.VocabularySize, settings.EmbeddingWidth, padding_idx: padding);
            var (inputs, dimension, layers) = (settings.EmbeddingWidth, settings.Dimension, settings.Layers);
            rnn = settings.Cell switch
            {
                "lstm" => nn.LSTM(inputs, dimension, layers, batchFirst: true),
                "gru" => nn.GRU(inputs, dimension, layers, batchFirst: true),
                _ => nn.RNN(inputs, dimension, layers, batchFirst: true),
            };
            fc = nn.Linear(settings.Dimension, settings.VocabularySize);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            Tensor embedded = embedding.call(input);
            return fc.call(rnn switch
            {
                LSTM lstm => lstm.call(embedded, null).Item1,
                GRU gru => gru.call(embedded, null).Item1,
                _ => ((RNN)rnn).call(embedded, null).Item1,
            });
        }
    }
}
