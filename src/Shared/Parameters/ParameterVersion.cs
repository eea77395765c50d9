namespace RnnLm.Shared;

/// <summary>
/// The parameters after <see cref="Version"/> updates, immutable once published. Every message, computation and
/// checkpoint that uses it holds a counted reference.
/// </summary>
/// <param name="version">Number of updates these parameters are the result of.</param>
/// <param name="buffer">The model's flat buffer, laid out as a <see cref="ParameterLayout"/> says.</param>
public sealed class ParameterVersion(long version, CountedBuffer buffer)
{
    /// <summary>Number of updates made so far.</summary>
    public long Version { get; } = version;

    /// <summary>The model's flat buffer; nobody writes it.</summary>
    public FloatBuffer Values => buffer.Values;

    /// <summary>Takes one more reference.</summary>
    public ParameterVersion Retain()
    {
        buffer.Retain();
        return this;
    }

    /// <summary>Gives one reference back.</summary>
    public void Release() => buffer.Release();

    /// <summary>The same buffer under the number of the next step. Takes a reference of its own.</summary>
    public ParameterVersion Repeat() => new(Version + 1, buffer.Retain());
}
