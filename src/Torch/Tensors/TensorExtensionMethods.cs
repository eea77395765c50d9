using RnnLm.Torch.Modules;
using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch;

/// <summary>The only element of a tensor as a .NET number, and other short ways.</summary>
public static class TensorExtensionMethods
{
    /// <summary>Makes a parameter of the tensor, which becomes invalid itself.</summary>
    public static Parameter AsParameter(this Tensor tensor) => new(tensor);

    /// <summary>The only element, from any device.</summary>
    public static float ToSingle(this Tensor value) => (float)value.ToDouble();

    /// <inheritdoc cref="ToSingle"/>
    public static double ToDouble(this Tensor value)
    {
        Check(rnnlm_tensor_item_real(value, out double result));
        return result;
    }

    /// <inheritdoc cref="ToSingle"/>
    public static int ToInt32(this Tensor value) => checked((int)value.ToInt64());

    /// <inheritdoc cref="ToSingle"/>
    public static long ToInt64(this Tensor value)
    {
        Check(rnnlm_tensor_item_integer(value, out long result));
        return result;
    }

    /// <inheritdoc cref="ToSingle"/>
    public static bool ToBoolean(this Tensor value) => value.ToInt64() != 0;
}
