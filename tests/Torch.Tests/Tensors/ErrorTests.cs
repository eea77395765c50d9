using System.Runtime.InteropServices;

namespace RnnLm.Torch.Tests.Tensors;

public class ErrorTests
{
    [Fact]
    public void A_native_error_is_an_exception_with_libtorchs_message_and_no_backtrace()
    {
        var error = Assert.Throws<ExternalException>(() => zeros(2, 3).mm(zeros(2, 3)));
        Assert.Equal("mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)", error.Message);
        error = Assert.Throws<ExternalException>(() => ones(2, requires_grad: true).backward());
        Assert.Equal("grad can be implicitly created only for scalar outputs", error.Message);
    }

    [Fact]
    public void A_disposed_tensor_is_refused_everywhere()
    {
        Tensor disposed = zeros(2);
        disposed.Dispose();
        disposed.Dispose();
        Assert.True(disposed.IsInvalid);
        Assert.Throws<InvalidOperationException>(() => disposed.shape);
        Assert.Throws<InvalidOperationException>(() => zeros(2) + disposed);
        Assert.Equal("disposed tensor", disposed.ToString());
    }

    [Fact]
    public void Named_dimensions_are_refused()
    {
        Assert.Throws<NotSupportedException>(() => zeros(2, names: ["time"]));
    }
}
