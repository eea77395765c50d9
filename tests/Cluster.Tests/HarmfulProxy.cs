using System.Net;
using System.Net.Sockets;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// Stands in the way to a port of a process: a random number of bytes after a connection began, in either direction, a
/// bit of what passes is flipped or the connection is cut. When it has done so often enough it passes everything.
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
    private readonly Task _accepting;
    private int _left;

    /// <param name="address">Where it listens, at the server's port.</param>
    /// <param name="server">To whom it passes what comes.</param>
    /// <param name="harms">How often it does harm.</param>
    /// <param name="seed">What it does, and when, follows from it.</param>
    public HarmfulProxy(IPAddress address, IPEndPoint server, int harms, int seed)
    {
        (_server, _left, _random) = (server, harms, new Random(seed));
        _listener = new TcpListener(address, server.Port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Harms that are not done yet.</summary>
    public int Left => Volatile.Read(ref _left);

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
                _connections.Add(PassAsync(
                    client, new Harm(_random.Next(MostBytes), _random.Next(2) == 0, _random.Next(2) == 0)));
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
                await Task.WhenAny(
                    PassAsync(asks, answers, harm.IsOfAnswer ? null : harm),
                    PassAsync(answers, asks, harm.IsOfAnswer ? harm : null));
            }
            catch (Exception failure) when (failure is OperationCanceledException or SocketException)
            {
                // The test is over, or the process is gone.
            }
        }
    }

    /// <summary>Passes bytes on until one of the two ends, or the harm is that they are cut.</summary>
    private async Task PassAsync(NetworkStream from, NetworkStream to, Harm? harm)
    {
        byte[] buffer = new byte[BufferBytes];
        long passed = 0;
        try
        {
            while (await from.ReadAsync(buffer, _end.Token) is var count and > 0)
            {
                int at = (int)Math.Min((harm?.At ?? long.MaxValue) - passed, count);
                passed += count;
                if (harm is not null && at < count && Interlocked.Decrement(ref _left) >= 0)
                {
                    if (harm.IsCut)
                    {
                        await to.WriteAsync(buffer.AsMemory(0, at), _end.Token);
                        return;
                    }

                    buffer[at] ^= 4;
                }

                harm = at < count ? null : harm;
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
    /// <param name="At">The byte, counted in its direction.</param>
    /// <param name="IsOfAnswer">From the server to the client.</param>
    /// <param name="IsCut">Whether the connection ends there; else a bit of that byte is flipped.</param>
    private sealed record Harm(long At, bool IsOfAnswer, bool IsCut);
}
