using System.Runtime.InteropServices;

namespace RnnLm.Torch.Tests.Tensors;

public class DataTests
{
    [Fact]
    public void Values_go_in_and_out_unchanged_whatever_their_type()
    {
        Assert.Equal([1.5f, -2], tensor(new[] { 1.5f, -2 }).data<float>().ToArray());
        Assert.Equal([1.5, -2], tensor(new[] { 1.5, -2 }).data<double>().ToArray());
        Assert.Equal([long.MaxValue, -2], tensor(new[] { long.MaxValue, -2 }).data<long>().ToArray());
        Assert.Equal([int.MinValue, 3], tensor(new[] { int.MinValue, 3 }).data<int>().ToArray());
        Assert.Equal([true, false], tensor(new[] { true, false }).data<bool>().ToArray());
        using Tensor shaped = tensor(new long[] { 1, 2, 3, 4, 5, 6 }, [2, 3], dtype: float64);
        Assert.Equal([2, 3], shaped.shape);
        Assert.Equal(6, shaped.data<double>()[1, 2]);
        using Tensor cube = from_array(new int[,,] { { { 1 }, { 2 } } });
        Assert.Equal([1, 2, 1], cube.shape);
        Assert.Equal(2, cube.data<int>()[0, 1, 0]);
        Assert.Equal(float64, tensor(1.0).dtype);
        Assert.Equal(0, tensor(3f).ndim);
    }

    [Fact]
    public void Factories_fill_what_they_promise()
    {
        Assert.Equal([0, 0, 0], zeros(3).data<float>().ToArray());
        Assert.Equal([1, 1], ones(2, dtype: int64).data<long>().ToArray());
        Assert.Equal([2.5f, 2.5f], full(2, 2.5).data<float>().ToArray());
        Assert.Equal([2, 3, 4], arange(2, 5).data<long>().ToArray());
        Assert.Equal([0f, 0.5f, 1f], arange(0, 1.5, 0.5).data<float>().ToArray());
        Assert.Equal([4, 5, 6], empty(4, 5, 6).shape);
        using Tensor half = zeros([2], bfloat16);
        Assert.Equal((2L, bfloat16), (half.ElementSize, zeros_like(half).dtype));
    }

    [Fact]
    public void The_accessor_reads_and_writes_through_strides()
    {
        using Tensor columns = arange(6, float32).reshape(2, 3).t();
        var data = columns.data<float>();
        Assert.Equal([0, 3, 1, 4, 2, 5], data.ToArray());
        Assert.Equal(5, data[2, 1]);
        Assert.Equal(5, data[5]);
        data[2, 1] = 50;
        data.CopyFrom([10, 30], tensorIndex: 0);
        var copy = new float[3];
        data.CopyTo(copy, 1, 4);
        Assert.Equal([0, 2, 50], copy);
        Assert.Equal([10, 30, 1, 4, 2, 50], data);
        Assert.Throws<ArgumentOutOfRangeException>(() => data[3, 0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => data[6]);
        Assert.Throws<ArgumentOutOfRangeException>(() => data[0, 0, 0]);
    }

    [Fact]
    public void Bytes_are_the_tensors_own_memory()
    {
        using Tensor values = tensor(new float[] { 1, 2 });
        MemoryMarshal.Cast<byte, float>(values.bytes)[1] = 7;
        Assert.Equal([1, 7], values.data<float>().ToArray());
        values.bytes = MemoryMarshal.AsBytes<float>(new float[] { 3, 4 }.AsSpan());
        Assert.Equal([3, 4], values.data<float>().ToArray());
        Assert.Throws<ArgumentException>(() => values.bytes = new byte[4]);
        Assert.Throws<InvalidOperationException>(() => zeros(2, 3).t().bytes.Length);
    }

    [Fact]
    public void Conversions_copy_only_when_they_must_or_are_told_to()
    {
        using Tensor values = tensor(new float[] { 1.75f, -2 });
        values.to(float32).fill_(3);
        Assert.Equal([3, 3], values.data<float>().ToArray());
        values.to(float32, copy: true).fill_(4);
        values.clone().fill_(4);
        Assert.Equal([3, 3], values.data<float>().ToArray());
        Assert.Equal([3, 3], values.to(int64).data<long>().ToArray());
        Tensor temporary = zeros(2);
        Assert.Equal(int32, temporary.to(int32, disposeAfter: true).dtype);
        Assert.True(temporary.IsInvalid);
        using Tensor target = zeros(2, dtype: float64);
        Assert.Equal([3, 3], target.copy_(values).data<double>().ToArray());
    }

    [Fact]
    public void Properties_tell_shape_type_and_place()
    {
        using Tensor matrix = zeros(2, 3, dtype: float64);
        Assert.Equal((2L, 6L, 8L, float64), (matrix.dim(), matrix.numel(), matrix.ElementSize, matrix.dtype));
        Assert.Equal((3L, 2L), (matrix.size(-1), matrix.size(0)));
        Assert.Equal([3, 1], matrix.stride());
        Assert.Equal((DeviceType.CPU, -1, false), (matrix.device_type, matrix.device_index, matrix.is_cuda));
        Assert.True(matrix.is_contiguous());
        Assert.False(matrix.t().is_contiguous());
        Assert.True(matrix.t().contiguous().is_contiguous());
        Assert.Equal("[2x3], type = Float64, device = cpu", matrix.ToString());
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using Tensor values = tensor(new float[] { 1, 2 });
        Assert.Throws<ArgumentException>(() => values.data<double>());
        Assert.Throws<ArgumentException>(() => values.item<float>());
        Assert.Throws<ArgumentException>(() => from_array(new[] { "text" }));
        Assert.Throws<ExternalException>(() => tensor(new float[] { 1, 2 }, [3]));
    }
}
