using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;

namespace RnnLm.Cluster;

/// <summary>
/// Stands where Akka.NET has serializers that let a sender choose: nothing is written, and whatever comes under the
/// number of its JSON serializer is refused.
/// JSON with type names lets a sender choose which code the receiver runs.
/// </summary>
/// <param name="system">Whose.</param>
/// <param name="settings">Those of Akka's JSON serializer, which it hands over; none is used.</param>
public sealed class RefusingSerializer(ExtendedActorSystem system, Config settings) : Serializer(system)
{
    /// <summary>In the place of one that has no settings.</summary>
    public RefusingSerializer(ExtendedActorSystem system)
        : this(system, Config.Empty)
    {
    }

    /// <summary>What Akka hands over.</summary>
    internal Config Settings { get; } = settings;

    /// <summary>That of Akka's JSON serializer.</summary>
    public override int Identifier => 1;

    /// <inheritdoc/>
    public override bool IncludeManifest => false;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) =>
        throw new NotSupportedException($"{obj?.GetType().Name} is no message that travels");

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type? type) =>
        throw new NotSupportedException("a message in JSON is refused");
}
