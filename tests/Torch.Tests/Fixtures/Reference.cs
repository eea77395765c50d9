using System.Text.Json;

namespace RnnLm.Torch.Tests.Fixtures;

/// <summary>Reads what generate.py wrote.</summary>
internal static class Reference
{
    public static JsonElement Open(string name)
    {
        using Stream stream = typeof(Reference).Assembly.GetManifestResourceStream(name)!;
        using JsonDocument document = JsonDocument.Parse(stream);
        return document.RootElement.Clone();
    }

    public static long[] Shape(JsonElement tensor) => [.. tensor.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64())];

    public static float[] Values(JsonElement tensor) => [.. tensor.GetProperty("values").EnumerateArray().Select(e => (float)e.GetDouble())];

    public static Tensor AsTensor(JsonElement reference) => tensor(Values(reference), Shape(reference));

    public static void AssertSameBits(JsonElement reference, Tensor actual)
    {
        Assert.Equal(Shape(reference), actual.shape);
        Assert.Equal(Values(reference).Select(BitConverter.SingleToInt32Bits), actual.data<float>().Select(BitConverter.SingleToInt32Bits));
    }

    public static void AssertClose(JsonElement reference, Tensor actual, double tolerance = 1e-6)
    {
        Assert.Equal(Shape(reference), actual.shape);
        float[] expected = Values(reference);
        float[] values = actual.data<float>().ToArray();
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], values[i], tolerance);
        }
    }
}
