using RnnLm.Torch.Modules;

namespace RnnLm.Torch.Tests.Modules;

public class LinearTests
{
    [Fact]
    public void Output_is_the_input_times_the_transposed_weight_plus_bias()
    {
        using Linear linear = nn.Linear(2, 3);
        linear.load_state_dict(new()
        {
            ["weight"] = tensor(new float[,] { { 1, 2 }, { 3, 4 }, { 5, 6 } }),
            ["bias"] = tensor(new float[] { 10, 20, 30 }),
        });
        using Tensor output = linear.call(tensor(new float[,] { { 1, -1 }, { 0, 2 } }));
        Assert.Equal([2, 3], output.shape);
        Assert.Equal([9, 19, 29, 14, 28, 42], output.data<float>().ToArray());
    }

    [Fact]
    public void A_layer_without_bias_has_only_a_weight()
    {
        using Linear linear = nn.Linear(2, 3, hasBias: false);
        Assert.Null(linear.bias);
        Assert.Equal(["weight"], linear.state_dict().Keys);
        Assert.Equal([1, 3], linear.call(ones(1, 2)).shape);
    }
}
