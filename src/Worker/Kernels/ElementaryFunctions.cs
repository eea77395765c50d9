using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RnnLm.Worker;

/// <summary>
/// e^x of sixteen floats for x ≤ 88: relative error below 2·10⁻⁷, 0 where the result is below the normal range (x &lt;
/// -87.3, -∞ too), NaN for NaN.
/// The softmax of a vocabulary spends its time here; <see cref="Vector512.Exp(Vector512{float})"/> works in double
/// precision and takes ten times as long.
/// </summary>
internal static class Exponential
{
    private const float SmallestArgument = -87.3f;

    // Adding 1.5·2^23 leaves the nearest whole number in the low bits of the sum.
    private const float RoundingShift = 12582912f;
    private const float Log2OfE = 1.442695f;
    private const float Ln2High = 0.6931472f;
    private const float Ln2Low = -1.9046542e-09f;
    private const int ExponentOfOne = 127;
    private const int MantissaBits = 23;

    // e^f ≈ 1 + f + f²·P(f): minimax fit of the relative error on |f| ≤ ln 2 / 2.
    private const float C0 = 0.49999994f;
    private const float C1 = 0.16666521f;
    private const float C2 = 0.04166839f;
    private const float C3 = 0.008368717f;
    private const float C4 = 0.0013814599f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x)
    {
        // x = k·ln 2 + f with k whole.
        Vector512<float> shifted =
            Vector512.FusedMultiplyAdd(x, Vector512.Create(Log2OfE), Vector512.Create(RoundingShift));
        Vector512<float> k = shifted - Vector512.Create(RoundingShift);
        Vector512<float> f = Vector512.FusedMultiplyAdd(k, Vector512.Create(-Ln2High), x);
        f = Vector512.FusedMultiplyAdd(k, Vector512.Create(-Ln2Low), f);

        Vector512<float> polynomial = Vector512.FusedMultiplyAdd(Vector512.Create(C4), f, Vector512.Create(C3));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, f, Vector512.Create(C2));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, f, Vector512.Create(C1));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, f, Vector512.Create(C0));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, f, Vector512.Create(1f));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, f, Vector512.Create(1f));

        // 2^k, by putting k into the exponent's bits.
        Vector512<int> exponent = shifted.AsInt32() + Vector512.Create(ExponentOfOne);
        Vector512<float> power = Vector512.ShiftLeft(exponent, MantissaBits).AsSingle();
        return Vector512.AndNot(polynomial * power, Vector512.LessThan(x, Vector512.Create(SmallestArgument)));
    }
}

/// <summary>A function of each of sixteen floats.</summary>
internal interface IElementaryFunction
{
    static abstract Vector512<float> Of(Vector512<float> x);
}

/// <summary>1 / (1 + e^-x) of sixteen floats, relative error below 5·10⁻⁷; NaN gives NaN.</summary>
internal readonly struct Sigmoid : IElementaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x)
    {
        // By e^-|x|, which does not overflow.
        Vector512<float> one = Vector512.Create(1f);
        Vector512<float> exponential = Exponential.Of(-Vector512.Abs(x));
        Vector512<float> isNegative = Vector512.LessThan(x, Vector512<float>.Zero);
        return Vector512.ConditionalSelect(isNegative, exponential, one) / (one + exponential);
    }
}

/// <summary>tanh of sixteen floats, relative error below 2·10⁻⁷; NaN gives NaN.</summary>
internal readonly struct HyperbolicTangent : IElementaryFunction
{
    // Below this, 1 - 2 / (e^2x + 1) loses digits to cancellation and a polynomial takes over.
    private const float PolynomialLimit = 0.625f;

    // tanh x ≈ x + x³·P(x²): minimax fit of the relative error on (0, 0.625], 4.4e-9 before rounding.
    private const float C0 = -0.3333328f;
    private const float C1 = 0.13331442f;
    private const float C2 = -0.053739715f;
    private const float C3 = 0.020639088f;
    private const float C4 = -0.0057049873f;

    // tanh 10 rounds to 1 and e^20 is far from overflow.
    private const float Saturation = 10f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x)
    {
        Vector512<float> square = x * x;
        Vector512<float> polynomial = Vector512.FusedMultiplyAdd(Vector512.Create(C4), square, Vector512.Create(C3));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, square, Vector512.Create(C2));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, square, Vector512.Create(C1));
        polynomial = Vector512.FusedMultiplyAdd(polynomial, square, Vector512.Create(C0));
        Vector512<float> small = Vector512.FusedMultiplyAdd(polynomial, square * x, x);

        Vector512<float> magnitude = Vector512.Abs(x);
        Vector512<float> clamped = Vector512.ConditionalSelect(
            Vector512.GreaterThan(magnitude, Vector512.Create(Saturation)), Vector512.Create(Saturation), magnitude);
        Vector512<float> exponential = Exponential.Of(clamped + clamped);
        Vector512<float> large = Vector512.Create(1f) - (Vector512.Create(2f) / (exponential + Vector512.Create(1f)));
        Vector512<float> signed = large | (x & Vector512.Create(-0f));

        Vector512<float> isSmall = Vector512.LessThan(magnitude, Vector512.Create(PolynomialLimit));
        return Vector512.ConditionalSelect(isSmall, small, signed);
    }
}
