using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Serialization;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace RnnLm.Cluster;

/// <summary>
/// Serializes the messages of <c>Wire.proto</c>, each under its name there. Nothing else is read, whatever a sender
/// says.
/// </summary>
public sealed class WireSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private static readonly Dictionary<string, MessageParser> s_parsers = Wire.WireReflection.Descriptor.MessageTypes
        .ToDictionary(
            (MessageDescriptor type) => type.Name,
            type => type.Parser.WithDiscardUnknownFields(true),
            StringComparer.Ordinal);

    /// <inheritdoc/>
    public override int Identifier => 740;

    /// <summary>The name under which a message travels.</summary>
    public static string ManifestOf(IMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.Descriptor.Name;
    }

    /// <summary>Reads a message.</summary>
    /// <exception cref="SerializationException">No message has that name.</exception>
    /// <exception cref="InvalidProtocolBufferException">These are not its bytes.</exception>
    public static IMessage Read(string manifest, ReadOnlySpan<byte> bytes) =>
        s_parsers.TryGetValue(manifest, out var parser)
            ? parser.ParseFrom(bytes)
            : throw new SerializationException($"there is no message '{manifest}'");

    /// <inheritdoc/>
    public override string Manifest(object o) => ManifestOf((IMessage)o);

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) => ((IMessage)obj).ToByteArray();

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, string manifest) => Read(manifest, bytes);
}
