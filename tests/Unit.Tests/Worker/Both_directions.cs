using TorchSharp.Modules;

namespace RnnLm.Tests;

/// <summary>Layers that read from both ends, against libtorch's own, and on a task that one direction cannot
/// do.</summary>
public sealed class Both_directions
{
    private const int Width = 7;

    public static TheoryData<string> Names => Cells_of_the_texts.WithLayersOfLibtorch;

    [Theory]
    [MemberData(nameof(Names))]
    public void Have_the_outputs_and_gradients_of_libtorchs_own(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        using var ours = Ours(name, 5);
        using var theirs = Libtorch(name, 5, layers: 2);
        Copy(theirs, ours);
        Tensor inputs = randn(3, 9, 5);
        Tensor weights = randn(3, 9, 2 * Width);
        Tensor expected = Outputs(theirs, inputs);
        Tensor actual = ours.call(inputs);
        Assert.True(actual.allclose(expected, 1e-5, 1e-6));

        (expected * weights).sum().backward();
        (actual * weights).sum().backward();
        Assert.All(Pairs(theirs, ours), pair => Assert.True(pair.Ours.grad!.allclose(pair.Theirs.grad!, 1e-4, 1e-5)));
    }

    /// <summary>Whether a token comes again later in the sequence is known from behind only.</summary>
    [Theory]
    [InlineData("lstm")]
    [InlineData("gru")]
    [InlineData("rnn")]
    public void Follow_libtorch_on_a_task_of_tagging_and_learn_it(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        using var embedding = nn.Embedding(4, 6);
        using var ours = Ours(name, 6);
        using var theirs = Libtorch(name, 6, layers: 2);
        Copy(theirs, ours);
        using var output = nn.Linear(2 * Width, 2);
        double[] expected = Train(embedding, inputs => Outputs(theirs, inputs), theirs, output);
        double[] actual = Train(embedding, ours.call, ours, output);
        Assert.Equal(50, expected.Length);
        Assert.All(expected.Zip(actual), losses => Assert.Equal(losses.First, losses.Second, 1e-4 * losses.First));
        Assert.True(actual[^1] < 0.97 * actual[0], $"from {actual[0]} to {actual[^1]}");
    }

    private static double[] Train(Embedding embedding, Func<Tensor, Tensor> layers, nn.Module module, Linear output)
    {
        // The embedding and the output layer begin as they are each time.
        using var head = nn.Linear(output.in_features, output.out_features);
        head.load_state_dict(output.state_dict());
        Tensor rate = tensor(-0.5f);
        Parameter[] parameters = [.. module.parameters(), .. head.parameters()];
        var random = new Random(6);
        var losses = new List<double>();
        for (int step = 0; step < 50; step++)
        {
            long[,] tokens = new long[16, 8];
            long[] tags = new long[16 * 8];
            for (int row = 0; row < 16; row++)
            {
                for (int t = 7; t >= 0; t--)
                {
                    tokens[row, t] = random.Next(4);
                    bool comesAgain = Enumerable.Range(t + 1, 7 - t).Any(later => tokens[row, later] == tokens[row, t]);
                    tags[(row * 8) + t] = comesAgain ? 1 : 0;
                }
            }

            module.zero_grad();
            head.zero_grad();
            Tensor outputs = head.call(layers(embedding.call(tensor(tokens)).detach()));
            Tensor loss = nn.functional.cross_entropy(outputs.reshape(-1, 2), tensor(tags));
            loss.backward();
            using (no_grad())
            {
                Array.ForEach(parameters, parameter => parameter.copy_(Terms.Sum(parameter, parameter.grad! * rate)));
            }

            losses.Add(loss.ToDouble());
        }

        return [.. losses];
    }

    private static BidirectionalCells Ours(string name, long inputs) =>
        new(Cells.Of(new ModelSettings(2, Width, 1, -1, name)), inputs, Width, layers: 2);

    private static nn.Module Libtorch(string name, long inputs, long layers) => name switch
    {
        "lstm" => nn.LSTM(inputs, Width, layers, batchFirst: true, bidirectional: true),
        "gru" => nn.GRU(inputs, Width, layers, batchFirst: true, bidirectional: true),
        _ => nn.RNN(
            inputs,
            Width,
            layers,
            name == "rnn" ? nn.NonLinearities.Tanh : nn.NonLinearities.ReLU,
            batchFirst: true,
            bidirectional: true),
    };

    private static Tensor Outputs(nn.Module module, Tensor inputs) => module switch
    {
        LSTM lstm => lstm.call(inputs).Item1,
        GRU gru => gru.call(inputs).Item1,
        RNN rnn => rnn.call(inputs).Item1,
        _ => throw new ArgumentException("it is none of these"),
    };

    private static void Copy(nn.Module theirs, BidirectionalCells ours)
    {
        using var unrecorded = no_grad();
        foreach (var (from, to) in Pairs(theirs, ours))
        {
            to.copy_(from);
        }
    }

    private static IEnumerable<(Tensor Theirs, Tensor Ours)> Pairs(nn.Module theirs, BidirectionalCells ours)
    {
        string[] names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
        for (int layer = 0; layer < 2; layer++)
        {
            foreach (string name in names)
            {
                yield return (
                    theirs.get_parameter($"{name}_l{layer}")!, ours.get_parameter($"forwards.{layer}.{name}")!);
                yield return (
                    theirs.get_parameter($"{name}_l{layer}_reverse")!,
                    ours.get_parameter($"backwards.{layer}.{name}")!);
            }
        }
    }
}
