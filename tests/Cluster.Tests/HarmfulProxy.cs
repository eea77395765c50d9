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
    public bool Take() => Interlocked.Decrement(ref _left) >= 0;
}

/// <summary>
/// Stands in the way to a port of a process: when a random number of bytes has passed on a connection, in whichever
/// direction, a bit of what passes is flipped or the connection is cut. When that was done often enough it passes
/// everything.
/// </summary>
internal sealed class HarmfulProxy : IAsyncDisposable
{
    private const int BufferBytes = 16 << 10;
    private const int MostBytes = 40_000;

    private readonly CancellationTokenSource _end = new();
    private readonly TcpListener _listener;
    private readonly IPEndPoint _server;
    private readonly List<Task> _connections = [];
    private readonly Random _random;
    private readonly HarmToDo _harms;
    private readonly Task _accepting;

    /// <param name="address">Where it listens, at the server's port.</param>
    /// <param name="server">To whom it passes what comes.</param>
    /// <param name="harms">How often it does harm; others may share it.</param>
    /// <param name="seed">What it does, and when, follows from it.</param>
    public HarmfulProxy(IPAddress address, IPEndPoint server, HarmToDo harms, int seed)
    {
        (_server, _harms, _random) = (server, harms, new Random(seed));
        _listener = new TcpListener(address, server.Port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_connections);
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_end.Token);
                _connections.Add(PassAsync(client, new Harm(_random.Next(MostBytes), _random.Next(2) == 0)));
            }
        }
        catch (Exception failure) when (failure is OperationCanceledException or SocketException)
        {
            // The test is over.
        }
    }

    private async Task PassAsync(TcpClient client, Harm harm)
    {
        using (client)
        {
            using var server = new TcpClient();
            try
            {
                await server.ConnectAsync(_server, _end.Token);
                var (asks, answers) = (client.GetStream(), server.GetStream());
                await Task.WhenAny(PassAsync(asks, answers, harm), PassAsync(answers, asks, harm));
            }
            catch (Exception failure) when (failure is OperationCanceledException or SocketException)
            {
                // The test is over, or the process is gone.
            }
        }
    }

    /// <summary>Passes bytes on until one of the two ends, or the harm is that they are cut.</summary>
    private async Task PassAsync(NetworkStream from, NetworkStream to, Harm harm)
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            while (await from.ReadAsync(buffer, _end.Token) is var count and > 0)
            {
                if (harm.PlaceIn(count) is { } at && _harms.Take())
                {
                    if (harm.IsCut)
                    {
                        await to.WriteAsync(buffer.AsMemory(0, at), _end.Token);
                        return;
                    }

                    buffer[at] ^= 4;
                }

                await to.WriteAsync(buffer.AsMemory(0, count), _end.Token);
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
