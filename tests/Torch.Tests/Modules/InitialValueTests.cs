using System.Text.Json;
using RnnLm.Torch.Tests.Fixtures;

namespace RnnLm.Torch.Tests.Modules;

public class InitialValueTests
{
    [Fact]
    public void Modules_built_after_a_seed_hold_the_very_values_that_PyTorch_gives_them()
    {
        JsonElement reference = Reference.Open("initial_values.json");
        manual_seed(1);
        using var rnn = nn.RNN(3, 5, numLayers: 2, bidirectional: true);
        using var linear = nn.Linear(4, 3);
        using var embedding = nn.Embedding(5, 3, padding_idx: 2);
        AssertSame(reference.GetProperty("rnn"), rnn);
        AssertSame(reference.GetProperty("linear"), linear);
        AssertSame(reference.GetProperty("embedding"), embedding);

        // From 16 elements on libtorch draws normal values by a routine that depends on the CPU's vector width, in the last bits only.
        using var largeEmbedding = nn.Embedding(40, 8);
        Reference.AssertClose(reference.GetProperty("large_embedding")[0], largeEmbedding.weight!);
    }

    [Fact]
    public void Init_functions_and_draws_give_the_very_values_of_PyTorch()
    {
        JsonElement reference = Reference.Open("draws.json");
        manual_seed(1);
        using Tensor weight = empty(6, 4);
        nn.init.xavier_uniform_(weight);
        Reference.AssertSameBits(reference.GetProperty("xavier_uniform_"), weight);
        nn.init.kaiming_uniform_(weight, a: 0.5, mode: nn.init.FanInOut.FanOut);
        Reference.AssertSameBits(reference.GetProperty("kaiming_uniform_"), weight);
        nn.init.uniform_(weight, -2, 3);
        Reference.AssertSameBits(reference.GetProperty("uniform_"), weight);
        using Tensor uniform = rand(3, 2);
        Reference.AssertSameBits(reference.GetProperty("rand"), uniform);
        using Tensor integers = randint(2, 9, [7]);
        using Tensor asReal = integers.to(float32);
        Reference.AssertSameBits(reference.GetProperty("randint"), asReal);
    }

    [Fact]
    public void A_generator_of_its_own_repeats_its_seed_and_leaves_the_default_one_alone()
    {
        manual_seed(7);
        using Tensor expected = rand(4);
        manual_seed(7);
        using var generator = new Generator(99);
        using Tensor first = rand(4, generator: generator);
        generator.manual_seed(99);
        using Tensor again = rand(4, generator: generator);
        using Tensor fromDefault = rand(4);
        Assert.Equal(first.data<float>().ToArray(), again.data<float>().ToArray());
        Assert.Equal(expected.data<float>().ToArray(), fromDefault.data<float>().ToArray());
        Assert.Equal(99, generator.initial_seed());
    }

    private static void AssertSame(JsonElement reference, nn.Module module)
    {
        Assert.Equal(reference.EnumerateArray().Select(p => p.GetProperty("name").GetString()), module.named_parameters().Select(p => p.name));
        foreach ((JsonElement expected, var parameter) in reference.EnumerateArray().Zip(module.parameters()))
        {
            Reference.AssertSameBits(expected, parameter);
        }
    }
}
