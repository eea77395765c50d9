using TorchSharp.Modules;

namespace RnnLm.Tests;

public class RnnLanguageModelTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Names_shapes_and_order_are_those_of_the_parameter_layout(int layers)
    {
        var settings = new ModelSettings(11, 4, layers, 0);
        using var model = new RnnLanguageModel(settings);
        ParameterLayout layout = ParameterLayout.For(settings);
        Assert.Equal(layout.Segments.Select(s => s.Name), model.state_dict().Keys);
        Assert.Equal(
            layout.Segments.Select(s => string.Join(",", s.Shape)),
            model.parameters().Select(p => string.Join(",", p.shape)));
    }

    [Fact]
    public void The_book_model_has_8292619_parameters()
    {
        using var model = new RnnLanguageModel(new ModelSettings(32_011, 128, 2, 32_000));
        Assert.Equal(8_292_619, model.parameters().Sum(p => p.numel()));
    }

    [Fact]
    public void Token_by_token_gives_the_logits_of_the_whole_sequence()
    {
        manual_seed(1);
        using var model = new RnnLanguageModel(new ModelSettings(11, 4, 2, -1));
        using IDisposable unrecorded = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor tokens = tensor(new long[,] { { 1, 2, 3, 4, 5 }, { 10, 0, 9, 0, 8 } });
        Tensor whole = model.call(tokens);
        Tensor? states = null;
        for (int t = 0; t < 5; t++)
        {
            (Tensor logits, states) = model.step(tokens.select(1, t), states);
            Assert.Equal([2, 11], logits.shape);
            Assert.True(logits.allclose(whole.select(1, t), 1e-5, 1e-6));
        }

        Assert.Equal([2, 2, 4], states!.shape);
        Assert.True(states.select(0, 1).allclose(model.hidden(model.embed(tokens)).outputs.select(1, 4), 1e-5, 1e-6));
    }

    [Fact]
    public void Logits_are_the_output_layer_on_the_hidden_states()
    {
        manual_seed(2);
        using var model = new RnnLanguageModel(new ModelSettings(5, 3, 1, -1));
        Tensor tokens = tensor(new long[,] { { 0, 4, 2 } });
        Tensor expected = model.hidden(model.embed(tokens)).outputs.matmul(model.OutputWeight.t()) + model.OutputBias;
        Assert.True(model.call(tokens).allclose(expected, 1e-5, 1e-6));
    }

    [Fact]
    public void A_padding_token_is_a_row_of_zeros_without_gradient_and_any_other_id_is_not()
    {
        manual_seed(3);
        using var padded = new RnnLanguageModel(new ModelSettings(5, 3, 1, 4));
        padded.call(tensor(new long[,] { { 4, 1 } })).sum().backward();
        Parameter weight = padded.get_parameter("embedding.weight")!;
        Assert.Equal([0, 0, 0], weight.select(0, 4).data<float>().ToArray());
        Assert.Equal([0, 0, 0], weight.grad!.select(0, 4).data<float>().ToArray());
        Assert.NotEqual([0, 0, 0], weight.grad!.select(0, 1).data<float>().ToArray());

        using var unpadded = new RnnLanguageModel(new ModelSettings(5, 3, 1, -1));
        Assert.NotEqual([0, 0, 0], unpadded.get_parameter("embedding.weight")!.select(0, 4).data<float>().ToArray());
    }
}
