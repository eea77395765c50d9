using System.Text.Json;
using RnnLm.Torch.Modules;
using RnnLm.Torch.Tests.Fixtures;

namespace RnnLm.Torch.Tests.Modules;

public class RnnTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Forward_and_gradients_agree_with_PyTorch(int index)
    {
        JsonElement reference = Reference.Open("rnn_forward.json")[index];
        using RNN rnn = nn.RNN(
            4, 3, reference.GetProperty("num_layers").GetInt64(),
            reference.GetProperty("nonlinearity").GetString() == "relu" ? nn.NonLinearities.ReLU : nn.NonLinearities.Tanh,
            reference.GetProperty("bias").GetBoolean(), reference.GetProperty("batch_first").GetBoolean(),
            bidirectional: reference.GetProperty("bidirectional").GetBoolean());
        rnn.load_state_dict(reference.GetProperty("parameters").EnumerateArray().ToDictionary(p => p.GetProperty("name").GetString()!, Reference.AsTensor));
        (Tensor output, Tensor hidden) = rnn.call(
            Reference.AsTensor(reference.GetProperty("input")), Reference.AsTensor(reference.GetProperty("h0")));
        Reference.AssertClose(reference.GetProperty("output"), output);
        Reference.AssertClose(reference.GetProperty("hidden"), hidden);

        ((output * output).sum() + hidden.sum()).backward();
        foreach ((JsonElement expected, Parameter parameter) in reference.GetProperty("gradients").EnumerateArray().Zip(rnn.parameters()))
        {
            Reference.AssertClose(expected, parameter.grad!, 1e-5);
        }
    }

    [Fact]
    public void Two_layers_agree_with_a_computation_step_by_step_in_plain_numbers()
    {
        const int Steps = 4;
        const int InputSize = 3;
        const int HiddenSize = 2;
        manual_seed(5);
        using RNN rnn = nn.RNN(InputSize, HiddenSize, numLayers: 2);
        using Tensor input = randn(Steps, 1, InputSize);
        (Tensor output, Tensor last) = rnn.call(input);

        float[] sequence = input.data<float>().ToArray();
        var states = new[] { new double[HiddenSize], new double[HiddenSize] };
        for (int step = 0; step < Steps; step++)
        {
            double[] x = [.. sequence.AsSpan(step * InputSize, InputSize).ToArray().Select(v => (double)v)];
            for (int layer = 0; layer < 2; layer++)
            {
                var next = new double[HiddenSize];
                for (int unit = 0; unit < HiddenSize; unit++)
                {
                    double sum = At(rnn.get_bias_ih(layer), unit) + At(rnn.get_bias_hh(layer), unit);
                    for (int i = 0; i < x.Length; i++)
                    {
                        sum += At(rnn.get_weight_ih(layer), unit, i) * x[i];
                    }

                    for (int i = 0; i < HiddenSize; i++)
                    {
                        sum += At(rnn.get_weight_hh(layer), unit, i) * states[layer][i];
                    }

                    next[unit] = Math.Tanh(sum);
                }

                states[layer] = next;
                x = next;
            }

            for (int unit = 0; unit < HiddenSize; unit++)
            {
                Assert.Equal(x[unit], At(output, step, 0, unit), 1e-6);
            }
        }

        for (int layer = 0; layer < 2; layer++)
        {
            for (int unit = 0; unit < HiddenSize; unit++)
            {
                Assert.Equal(states[layer][unit], At(last, layer, 0, unit), 1e-6);
            }
        }
    }

    [Fact]
    public void Without_biases_there_are_none_to_get()
    {
        using RNN rnn = nn.RNN(2, 3, bias: false);
        Assert.Null(rnn.get_bias_ih(0));
        Assert.Equal(["weight_ih_l0", "weight_hh_l0"], rnn.named_parameters().Select(p => p.name));
    }

    private static double At(Tensor? tensor, params long[] index) => tensor!.data<float>()[index];
}
