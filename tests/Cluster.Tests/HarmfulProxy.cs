using System.Net;
using System.Net.Sockets;

namespace RnnLm.Cluster.Tests;

/// <summary>How often harm is still to be done.</summary>
internal sealed class HarmToDo(int times)
{
    private int _left = times;

    /// <summary>Whether it was done as often as it is to be.</summary>
    public bool IsDone => Volatile.Read(ref _left) <= 0;

    /// <summary>Whether it is to be done once more.</summary>
    public bool Take()
    {
        bool isTaken = Interlocked.Decrement(ref _left) >= 0;
        Wait.Changed();
        return isTaken;
    }
}

/// <summary>
/// Stands in the way to a port of a process: when a random number of bytes has passed on a connection, in whichever
/// direction, a bit of what passes is flipped or the connection is cut. When that was done often enough it passes
/// everything.
/// </summary>
/// <param name="address">Where it listens, at the server's port.</param>
/// <param name="server">To whom it passes what comes.</param>
/// <param name="harms">How often it does harm; others may share it.</param>
/// <param name="seed">What it does, and when, follows from it.</param>
internal sealed class HarmfulProxy(IPAddress address, IPEndPoint server, HarmToDo harms, int seed)
    : Proxy(new IPEndPoint(address, server.Port))
{
    private const int BufferBytes = 16 << 10;
    private const int MostBytes = 40_000;

    private readonly Random _random = new(seed);

    protected override Func<TcpClient, CancellationToken, Task> Next()
    {
        var harm = new Harm(_random.Next(MostBytes), _random.Next(2) == 0);
        return async (client, end) =>
        {
            using var passedTo = new TcpClient();
            await passedTo.ConnectAsync(server, end);
            var (asks, answers) = (client.GetStream(), passedTo.GetStream());
            await Task.WhenAny(PassAsync(asks, answers, harm, end), PassAsync(answers, asks, harm, end));
        };
    }

    /// <summary>Passes bytes on until one of the two ends, or the harm is that they are cut.</summary>
    private async Task PassAsync(NetworkStream from, NetworkStream to, Harm harm, CancellationToken end)
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            while (await from.ReadAsync(buffer, end) is var count and > 0)
            {
                if (harm.PlaceIn(count) is { } at && harms.Take())
                {
                    if (harm.IsCut)
                    {
                        await to.WriteAsync(buffer.AsMemory(0, at), end);
                        return;
                    }

                    buffer[at] ^= 4;
                }

                await to.WriteAsync(buffer.AsMemory(0, count), end);
            }
        }
        catch (Exception failure) when (
            failure is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // One of the two has gone.
        }
    }

    /// <summary>What happens to a connection.</summary>
    /// <param name="at">The byte, of all that pass.</param>
    /// <param name="isCut">Whether the connection ends there; else a bit of that byte is flipped.</param>
    private sealed class Harm(long at, bool isCut)
    {
        private long _passed;

        public bool IsCut => isCut;

        /// <summary>Where in the next bytes it happens; null where not in them.</summary>
        public int? PlaceIn(int count)
        {
            long before = Interlocked.Add(ref _passed, count) - count;
            return at >= before && at < before + count ? (int)(at - before) : null;
        }
    }
}
