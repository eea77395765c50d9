namespace RnnLm.Torch.Tests.Devices;

public class DeviceTests
{
    [Theory]
    [InlineData("cpu", DeviceType.CPU, -1, "cpu")]
    [InlineData("cpu:0", DeviceType.CPU, -1, "cpu")]
    [InlineData("cuda", DeviceType.CUDA, -1, "cuda")]
    [InlineData("CUDA:3", DeviceType.CUDA, 3, "cuda:3")]
    public void Names_are_understood(string name, DeviceType type, int index, string written)
    {
        Device parsed = device(name);
        Assert.Equal((type, index, written), (parsed.type, parsed.index, parsed.ToString()));
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:x")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:1:2")]
    public void Other_names_are_refused_with_the_name(string name)
    {
        Assert.Contains($"'{name}'", Assert.Throws<ArgumentException>(() => device(name)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_module_moves_to_a_CUDA_device_where_there_is_one_and_gives_the_same_there()
    {
        using var linear = nn.Linear(3, 2);
        using Tensor input = ones(1, 3);
        float[] expected = linear.call(input).data<float>().ToArray();
        if (!cuda.is_available())
        {
            Assert.Equal(0, cuda.device_count());
            Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => linear.to(CUDA));
            return;
        }

        linear.to(CUDA);
        using Tensor output = linear.call(input.cuda());
        cuda.synchronize();
        Assert.True(output.is_cuda);
        using Tensor back = output.cpu();
        Assert.True(back.allclose(tensor(expected, [1, 2]), 1e-5));
    }

    [Fact]
    public void The_number_of_threads_can_be_set()
    {
        int before = get_num_threads();
        set_num_threads(2);
        Assert.Equal(2, get_num_threads());
        set_num_threads(before);
        Assert.Equal(before, get_num_threads());
    }
}
