using RnnLm.Torch.Interop;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch;

/// <summary>A number of any element type, as an operand next to tensors.</summary>
public sealed class Scalar : IDisposable
{
    private Scalar(ScalarValue value, ScalarType type)
    {
        Value = value;
        Type = type;
    }

    /// <summary>Element type that the number has by itself.</summary>
    public ScalarType Type { get; }

    internal ScalarValue Value { get; }

    internal static Scalar Zero { get; } = 0;

    internal static Scalar One { get; } = 1;

    public static implicit operator Scalar(double value) => new(new ScalarValue(0, value, ScalarKind.Real), ScalarType.Float64);

    public static implicit operator Scalar(float value) => new(new ScalarValue(0, value, ScalarKind.Real), ScalarType.Float32);

    public static implicit operator Scalar(long value) => new(new ScalarValue(value, 0, ScalarKind.Integer), ScalarType.Int64);

    public static implicit operator Scalar(int value) => new(new ScalarValue(value, 0, ScalarKind.Integer), ScalarType.Int32);

    public static implicit operator Scalar(bool value) => new(new ScalarValue(value ? 1 : 0, 0, ScalarKind.Boolean), ScalarType.Bool);

    /// <summary>Does nothing: a number holds no native memory here. There because TorchSharp's does.</summary>
    public void Dispose()
    {
    }
}
