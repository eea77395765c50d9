using System.Runtime.Serialization;
using System.Text;
using Akka.Util;

namespace RnnLm.Tests;

/// <summary>What an actor system that is configured like the product's reads and writes.</summary>
public sealed class Serializers_of_a_cluster : IAsyncLifetime
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);
    private ClusterHost _host = null!;

    private Akka.Serialization.Serialization Serialization => _host.System.Serialization;

    public async Task InitializeAsync() => _host = await ClusterHost.StartAsync(
        new ClusterOptions(ClusterHost.WorkerRole, ClusterAddress.Loopback, [])).WaitAsync(s_deadline);

    public async Task DisposeAsync() => await _host.DisposeAsync().AsTask().WaitAsync(s_deadline);

    [Fact]
    public void Messages_travel_under_their_names()
    {
        var drawn = new DrawnMessages(new Random(1), new RunExtent(new ModelSettings(9, 2, 1, -1), 8));
        foreach (string kind in Messages_between_processes.Kinds)
        {
            var message = drawn.Any(kind);
            var serializer = Serialization.FindSerializerFor(message);
            string manifest = Akka.Serialization.Serialization.ManifestFor(serializer, message);
            Assert.Equal((740, kind), (serializer.Identifier, manifest));
            Assert.Equal(message, Serialization.Deserialize(serializer.ToBinary(message), 740, manifest));
        }
    }

    [Fact]
    public void What_is_no_message_of_ours_is_not_written()
    {
        foreach (object other in new object[] { new Trap(), new Uri("http://x"), new Dismiss(1), new List<int>() })
        {
            var serializer = Serialization.FindSerializerFor(other);
            Assert.IsType<RefusingSerializer>(serializer);
            Assert.Throws<NotSupportedException>(() => serializer.ToBinary(other));
        }
    }

    /// <summary>As Akka.NET's own serializer would write it.</summary>
    [Fact]
    public void Text_in_JSON_is_not_read()
    {
        byte[] json = Encoding.UTF8.GetBytes($$"""{"$id":"1","$type":"{{typeof(Trap).AssemblyQualifiedName}}"}""");
        foreach (string manifest in Manifests())
        {
            Assert.ThrowsAny<Exception>(() => Serialization.Deserialize(json, 1, manifest));
        }

        Assert.Equal(0, Trap.Sprung);
    }

    /// <summary>Whatever number a sender gives, no code runs that it names.</summary>
    [Fact]
    public void No_serializer_makes_what_a_sender_names()
    {
        byte[][] contents =
            [[], Encoding.UTF8.GetBytes($$"""{"$type":"{{typeof(Trap).AssemblyQualifiedName}}"}"""), [8, 1]];
        for (int number = -100; number < 1_000; number++)
        {
            foreach (string manifest in Manifests())
            {
                foreach (byte[] content in contents)
                {
                    try
                    {
                        Serialization.Deserialize(content, number, manifest);
                    }
#pragma warning disable CA1031 // What is refused is refused in the words of its serializer.
                    catch (Exception)
#pragma warning restore CA1031
                    {
                        // As it should be.
                    }

                    Assert.True(Trap.Sprung == 0, $"serializer {number} made a {manifest}");
                }
            }
        }
    }

    /// <summary>A message that has an actor made of any class, with any arguments.</summary>
    [Fact]
    public void No_process_has_another_make_actors()
    {
        var message = Type.GetType("Akka.Remote.DaemonMsgCreate, Akka.Remote", throwOnError: true)!;
        Assert.IsType<RefusingSerializer>(Serialization.FindSerializerForType(message));
        var refused = Assert.Throws<SerializationException>(() => Serialization.Deserialize([], 3, string.Empty));
        Assert.Contains("Cannot find serializer with id [3]", refused.Message, StringComparison.Ordinal);
    }

    private static string[] Manifests() =>
        [typeof(Trap).AssemblyQualifiedName!, typeof(Trap).TypeQualifiedName(), typeof(Trap).FullName!, string.Empty];

    /// <summary>Counts how often it was made.</summary>
    public sealed class Trap
    {
        private static int s_sprung;

        public Trap() => Interlocked.Increment(ref s_sprung);

        public static int Sprung => s_sprung;
    }
}
