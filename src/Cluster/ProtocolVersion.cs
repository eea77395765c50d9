namespace RnnLm.Cluster;

/// <summary>
/// Version of what travels between processes. Those of one major version understand each other; a minor one adds
/// fields that others ignore.
/// </summary>
internal static class ProtocolVersion
{
    private const int Major = 2;
    private const int Minor = 0;

    /// <summary>This process's.</summary>
    public static Wire.Version Current { get; } = new() { Major = Major, Minor = Minor };

    /// <summary>Why a process of that version cannot be spoken with; null when it can.</summary>
    public static string? WhyNot(Wire.Version? other) => other?.Major == Major
        ? null
        : $"it speaks version {other?.Major ?? 0}.{other?.Minor ?? 0} of the protocol, this process {Major}.{Minor}; " +
            "run the same release on all machines";
}
