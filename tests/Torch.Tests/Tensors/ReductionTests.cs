namespace RnnLm.Torch.Tests.Tensors;

public class ReductionTests
{
    private static readonly float[,] s_values = { { 1, 5, 3 }, { 4, 2, 0 } };

    [Fact]
    public void Sums_and_means_run_over_the_dimensions_named()
    {
        using Tensor values = tensor(s_values);
        Assert.Equal(15, values.sum().ToSingle());
        Assert.Equal([5, 7, 3], values.sum(0).data<float>().ToArray());
        Assert.Equal([9, 6], values.sum([1]).data<float>().ToArray());
        Assert.Equal([2, 1], values.sum(1, keepdim: true).shape);
        Assert.Equal(float64, values.sum(float64).dtype);
        Assert.Equal(2.5f, mean(values).ToSingle());
        Assert.Equal([3, 2], values.mean([1]).data<float>().ToArray());
    }

    [Fact]
    public void Maxima_come_with_their_places()
    {
        using Tensor values = tensor(s_values);
        Assert.Equal(5, values.max().ToSingle());
        (Tensor greatest, Tensor places) = values.max(1);
        Assert.Equal([5, 4], greatest.data<float>().ToArray());
        Assert.Equal([1, 0], places.data<long>().ToArray());
        Assert.Equal(1, values.argmax().ToInt64());
        Assert.Equal([1, 0, 0], argmax(values, 0).data<long>().ToArray());
        (Tensor top, Tensor topPlaces) = topk(values, 2);
        Assert.Equal([5, 3, 4, 2], top.data<float>().ToArray());
        Assert.Equal([1, 2, 0, 1], topPlaces.data<long>().ToArray());
        Assert.Equal([1, 0], values.topk(1, largest: false).values.data<float>().ToArray());
    }

    [Fact]
    public void Softmax_and_its_logarithm_agree_with_their_definition()
    {
        double[] exponentials = [Math.Exp(1), Math.Exp(5), Math.Exp(3)];
        using Tensor row = tensor(new double[] { 1, 5, 3 });
        double[] probabilities = row.softmax(0).data<double>().ToArray();
        double[] logarithms = row.log_softmax(0).data<double>().ToArray();
        double total = exponentials.Sum();
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(exponentials[i] / total, probabilities[i], 1e-12);
            Assert.Equal(Math.Log(exponentials[i] / total), logarithms[i], 1e-12);
        }

        Assert.Equal(Math.Log(total), row.logsumexp(0).ToDouble(), 1e-12);
        Assert.Equal(probabilities, softmax(row, 0).data<double>().ToArray());
        Assert.Equal(probabilities, nn.functional.softmax(row, 0).data<double>().ToArray());
        Assert.Equal(logarithms, nn.functional.log_softmax(row, 0).data<double>().ToArray());
    }
}
