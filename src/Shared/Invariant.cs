namespace RnnLm.Shared;

/// <summary>Checks, in every build, what the design promises to hold always. A violation is a defect of ours and stops
/// the actor.</summary>
public static class Invariant
{
    /// <summary>Throws if <paramref name="holds"/> is false.</summary>
    /// <exception cref="InvariantViolatedException">It does not hold.</exception>
    public static void Require(bool holds, string promise)
    {
        if (!holds)
        {
            throw new InvariantViolatedException(promise);
        }
    }
}

/// <summary>A promise of the design was found broken.</summary>
public sealed class InvariantViolatedException(string promise) : Exception($"Invariant violated: {promise}.");
