using System.Globalization;

namespace RnnLm.Tests;

/// <summary>A file that Fixtures/generate.py wrote: named lines of numbers.</summary>
internal sealed class Fixture
{
    private readonly Dictionary<string, double[]> _lines;

    public Fixture(string name) => _lines = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Fixtures", name))
        .Select(line => line.Split(' '))
        .ToDictionary(
            words => words[0],
            words => words[1..].Select(word => double.Parse(word, CultureInfo.InvariantCulture)).ToArray());

    public double[] Doubles(string name) => _lines[name];

    public float[] Floats(string name) => [.. _lines[name].Select(value => (float)value)];

    public int[] Integers(string name) => [.. _lines[name].Select(value => (int)value)];
}
