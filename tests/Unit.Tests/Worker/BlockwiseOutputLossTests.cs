namespace RnnLm.Tests;

public class BlockwiseOutputLossTests
{
    private const int Rows = 10;
    private const int Dimension = 4;
    private const int Vocabulary = 7;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(256)]
    public void Loss_and_gradients_agree_with_autograd_whatever_the_block(int blockRows)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor hidden, Tensor weight, Tensor bias, Tensor targets) = Draw();
        BlockwiseOutputLoss.Result result = BlockwiseOutputLoss.Compute(hidden, weight, bias, targets, blockRows);

        Tensor[] leaves = [hidden.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()];
        Tensor logits = nn.functional.linear(hidden, weight, bias);
        Tensor loss = nn.functional.cross_entropy(logits, targets, reduction: nn.Reduction.Sum);
        loss.backward();
        Assert.Equal(loss.ToDouble(), result.LossSum, 1e-12);
        Assert.True(result.HiddenGradient.allclose(leaves[0].grad!, 1e-12, 1e-13));
        Assert.True(result.WeightGradient.allclose(leaves[1].grad!, 1e-12, 1e-13));
        Assert.True(result.BiasGradient.allclose(leaves[2].grad!, 1e-12, 1e-13));
    }

    [Fact]
    public void Gradients_agree_with_finite_differences_of_the_loss()
    {
        const double Step = 1e-5;
        using DisposeScope scope = NewDisposeScope();
        (Tensor hidden, Tensor weight, Tensor bias, Tensor targets) = Draw();
        BlockwiseOutputLoss.Result result = BlockwiseOutputLoss.Compute(hidden, weight, bias, targets, 4);
        foreach ((Tensor parameter, Tensor gradient) in new[]
            { (hidden, result.HiddenGradient), (weight, result.WeightGradient), (bias, result.BiasGradient) })
        {
            var values = parameter.view(-1).data<double>();
            var gradients = gradient.view(-1).data<double>();
            for (long i = 0; i < values.Count; i++)
            {
                double before = values[i];
                values[i] = before + Step;
                double above = BlockwiseOutputLoss.Compute(hidden, weight, bias, targets, 4).LossSum;
                values[i] = before - Step;
                double below = BlockwiseOutputLoss.Compute(hidden, weight, bias, targets, 4).LossSum;
                values[i] = before;
                Assert.Equal((above - below) / (2 * Step), gradients[i], 1e-8);
            }
        }
    }

    [Fact]
    public void No_rows_cost_nothing_and_have_gradients_of_zeros()
    {
        using DisposeScope scope = NewDisposeScope();
        (_, Tensor weight, Tensor bias, _) = Draw();
        BlockwiseOutputLoss.Result result = BlockwiseOutputLoss.Compute(
            zeros(0, Dimension, dtype: float64), weight, bias, zeros(0, dtype: int64));
        Assert.Equal(0, result.LossSum);
        Assert.Equal([0, Dimension], result.HiddenGradient.shape);
        Assert.Equal(0, result.WeightGradient.abs().sum().ToDouble() + result.BiasGradient.abs().sum().ToDouble());
    }

    [Fact]
    public void Huge_logits_neither_overflow_nor_vanish()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor hidden = tensor(new float[,] { { 1000 } });
        Tensor weight = tensor(new float[,] { { 1 }, { -1 } });
        BlockwiseOutputLoss.Result result = BlockwiseOutputLoss.Compute(
            hidden, weight, zeros(2), ones(1, dtype: int64));
        Assert.Equal(2000, result.LossSum);
        Assert.Equal([1, -1], result.BiasGradient.data<float>().ToArray());
    }

    [Fact]
    public void Only_the_three_gradients_are_left_and_recording_goes_on_as_before()
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor hidden, Tensor weight, Tensor bias, Tensor targets) = Draw();
        long before = Tensors.Live;
        using (BlockwiseOutputLoss.Compute(hidden, weight, bias, targets, 3))
        {
            Assert.Equal(before + 3, Tensors.Live);
        }

        Assert.Equal(before, Tensors.Live);
        Assert.True(is_grad_enabled());
    }

    private static (Tensor Hidden, Tensor Weight, Tensor Bias, Tensor Targets) Draw()
    {
        manual_seed(11);
        return (
            randn(Rows, Dimension, dtype: float64),
            randn(Vocabulary, Dimension, dtype: float64),
            randn(Vocabulary, dtype: float64),
            randint(0, Vocabulary, [Rows]));
    }
}
