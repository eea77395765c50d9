namespace RnnLm.Simulation;

/// <summary>All chance of a simulation: a stream of random numbers that its seed decides.</summary>
internal sealed class Dice(long seed)
{
    private readonly CounterRandom _random = new(seed, RandomPurpose.Simulation);
    private ulong _drawn;

    /// <summary>Uniform in [0, 1).</summary>
    public double Fraction() => _random.UniformDouble(_drawn++);

    /// <summary>True with this probability.</summary>
    public bool Chance(double probability) => Fraction() < probability;

    /// <summary>Uniform in [0, <paramref name="bound"/>).</summary>
    public int Below(int bound) => (int)(Fraction() * bound);

    /// <summary>Uniform in [<paramref name="least"/>, <paramref name="most"/>].</summary>
    public int Between(int least, int most) => least + Below(most - least + 1);

    /// <summary>One of them.</summary>
    public T Of<T>(IReadOnlyList<T> choices) => choices[Below(choices.Count)];

    /// <summary>Between two times, every order of magnitude as likely as another.</summary>
    public TimeSpan Between(TimeSpan least, TimeSpan most) =>
        TimeSpan.FromTicks((long)(least.Ticks * Math.Pow((double)most.Ticks / least.Ticks, Fraction())));
}
