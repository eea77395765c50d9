using TorchSharp.Modules;

namespace RnnLm.Tests;

/// <summary>
/// Fifty steps of our training beside a loop as one writes it in PyTorch: libtorch's own layers, cross-entropy over all
/// logits, autograd and Adam written out, from our first parameters over our plan. The two share no kernel, no
/// reduction and no optimizer.
/// </summary>
public sealed class Training_follows_PyTorch
{
    private const int Steps = 50;
    private const double Rate = 0.01;

    [Theory]
    [InlineData("lstm", false)]
    [InlineData("lstm", true)]
    [InlineData("gru", false)]
    [InlineData("gru", true)]
    [InlineData("rnn", false)]
    [InlineData("rnn", true)]
    [InlineData("rnn-relu", true)]
    public async Task Losses_are_the_same(string cell, bool isCarried)
    {
        var model = SmallJob.Model with { Cell = cell, Embedding = 13, CarriedRows = isCarried ? 11 : 0 };
        var optimizer = new OptimizerSettings(
            Rate, 0.9, 0.999, 1e-8, ClipNorm: 0, new LearningRateSchedule(ScheduleKind.Constant, 0, 0));
        var (_, events) = await SmallJob.TrainAsync(
            workers: 2, threads: 1, model: model, steps: Steps, optimizer: optimizer);
        double[] ours = [.. events.OfType<StepCommitted>().Select(step => step.MeanLoss)];
        double[] theirs = Train(model);
        Assert.Equal(Steps, ours.Length);
        Assert.All(ours.Zip(theirs), losses => Assert.Equal(losses.Second, losses.First, 1e-4 * losses.Second));
        Assert.True(ours[^1] < ours[0]);
    }

    private static double[] Train(ModelSettings settings)
    {
        using var scope = NewDisposeScope();
        var layout = ParameterLayout.For(settings);
        float[] first = new float[layout.BufferLength];
        ParameterInitialization.Fill(settings, seed: 5, first);
        using var embedding = nn.Embedding(
            settings.VocabularySize, settings.EmbeddingWidth, padding_idx: settings.PaddingId);
        using nn.Module layers = settings.Cell switch
        {
            "lstm" => nn.LSTM(settings.EmbeddingWidth, settings.Dimension, settings.Layers, batchFirst: true),
            "gru" => nn.GRU(settings.EmbeddingWidth, settings.Dimension, settings.Layers, batchFirst: true),
            _ => nn.RNN(
                settings.EmbeddingWidth,
                settings.Dimension,
                settings.Layers,
                settings.Cell == "rnn" ? nn.NonLinearities.Tanh : nn.NonLinearities.ReLU,
                batchFirst: true),
        };
        using var output = nn.Linear(settings.Dimension, settings.VocabularySize);
        Parameter[] parameters = [.. layout.Segments.Select(segment => segment.Name switch
        {
            "embedding.weight" => embedding.weight!,
            "fc.weight" => output.weight!,
            "fc.bias" => output.bias!,
            _ => layers.get_parameter(segment.Name["rnn.".Length..])!,
        })];
        using (no_grad())
        {
            foreach (var (segment, parameter) in layout.Segments.Zip(parameters))
            {
                FlatParameters.CopyIn(first, segment, parameter);
            }
        }

        var adam = new WrittenAdam(parameters);
        var plan = SmallJob.PlanOf(settings);
        Tensor? states = null;
        var losses = new List<double>();
        for (int step = 0; step < Steps; step++)
        {
            using var ofStep = NewDisposeScope();
            states = step % plan.StepsPerEpoch == 0 ? null : states;
            Array.ForEach(parameters, parameter => parameter.grad?.zero_());
            var batch = new Padded(plan.Step(step));
            var (outputs, after) = Run(layers, embedding.call(batch.Inputs), settings.CarriedRows > 0 ? states : null);
            Tensor logits = output.call(outputs).reshape(-1, settings.VocabularySize);
            Tensor loss = nn.functional.cross_entropy(logits, batch.Targets, ignore_index: Padded.Ignored);
            loss.backward();
            losses.Add(loss.ToDouble());
            adam.Step();
            states?.Dispose();
            states = after.detach().MoveToOuterDisposeScope();
        }

        return [.. losses];
    }

    /// <summary>Outputs, and the states to go on from: an LSTM's [h, c] beside each other.</summary>
    private static (Tensor Outputs, Tensor States) Run(nn.Module layers, Tensor inputs, Tensor? states)
    {
        switch (layers)
        {
            case RNN rnn: return rnn.call(inputs, states);
            case GRU gru: return gru.call(inputs, states);
            default:
                Tensor[]? parts = states?.chunk(2, 2);
                var (outputs, h, c) = ((LSTM)layers).call(
                    inputs, parts is null ? null : (parts[0].contiguous(), parts[1].contiguous()));
                return (outputs, cat([h, c], 2));
        }
    }

    /// <summary>All examples of a step side by side, padded.</summary>
    private sealed class Padded
    {
        public const long Ignored = -100;

        public Padded(IReadOnlyList<ShardTokens> shards)
        {
            int[][] examples = [.. shards.SelectMany(shard =>
                Enumerable.Range(0, shard.ExampleCount).Select(i => shard.Example(i).ToArray()))];
            int time = examples.Max(example => example.Length) - 1;
            long[] Row(int[] ids, long padding) =>
                [.. ids.Select(id => (long)id), .. Enumerable.Repeat(padding, time - ids.Length)];
            Inputs = tensor(examples.SelectMany(ids => Row(ids[..^1], 0)).ToArray(), [examples.Length, time]);
            Targets = tensor(examples.SelectMany(ids => Row(ids[1..], Ignored)).ToArray());
        }

        public Tensor Inputs { get; }

        public Tensor Targets { get; }
    }

    /// <summary>Adam as its paper says, on arrays in double: TorchSharp's own makes numbers that the garbage collector
    /// may take.</summary>
    private sealed class WrittenAdam(Parameter[] parameters)
    {
        private readonly double[][] _first = [.. parameters.Select(parameter => new double[parameter.numel()])];
        private readonly double[][] _second = [.. parameters.Select(parameter => new double[parameter.numel()])];
        private int _steps;

        public void Step()
        {
            using var unrecorded = no_grad();
            _steps++;
            for (int index = 0; index < parameters.Length; index++)
            {
                float[] values = parameters[index].data<float>().ToArray();
                float[] slopes = parameters[index].grad!.contiguous().data<float>().ToArray();
                for (int i = 0; i < values.Length; i++)
                {
                    double m = _first[index][i] = (0.9 * _first[index][i]) + (0.1 * slopes[i]);
                    double v = _second[index][i] = (0.999 * _second[index][i]) + (0.001 * slopes[i] * slopes[i]);
                    double root = Math.Sqrt(v / (1 - Math.Pow(0.999, _steps)));
                    values[i] -= (float)(Rate * m / (1 - Math.Pow(0.9, _steps)) / (root + 1e-8));
                }

                parameters[index].copy_(tensor(values, parameters[index].shape));
            }
        }
    }
}
