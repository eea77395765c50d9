using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace RnnLm.Tests;

/// <summary>What happens to the answer on one connection. Places are counted in its body.</summary>
/// <param name="CutAfter">The connection ends after so many bytes; at -1 before the answer.</param>
/// <param name="FlipAt">In this byte a bit is flipped.</param>
/// <param name="StallAfter">After so many bytes nothing more comes.</param>
/// <param name="IsReset">Whether the end is one without a good-bye: what was not read yet is lost.</param>
internal sealed record Harm(
    long CutAfter = long.MaxValue, long FlipAt = -1, long StallAfter = long.MaxValue, bool IsReset = false);

/// <summary>
/// Stands between a client and a server on loopback: every connection has the next harm done to it, and none when
/// there is none left.
/// </summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Channel<string> _requests = Channel.CreateUnbounded<string>();
    private readonly Queue<Harm> _harms;
    private readonly List<Task> _connections = [];
    private readonly IPEndPoint _server;
    private readonly Task _accepting;

    public TcpProxy(string server, params IEnumerable<Harm> harms)
    {
        _server = IPEndPoint.Parse(server);
        _harms = new(harms);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where the client comes to.</summary>
    public string Address => $"{_listener.LocalEndpoint}";

    /// <summary>Done once an answer has stalled.</summary>
    public TaskCompletionSource Stalled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>First bytes that were asked for, connection by connection, so far.</summary>
    public IReadOnlyList<long> Asked()
    {
        var asked = new List<long>();
        while (_requests.Reader.TryRead(out string? request))
        {
            string range = request[(request.IndexOf("bytes=", StringComparison.Ordinal) + 6)..];
            asked.Add(long.Parse(range[..range.IndexOf('-', StringComparison.Ordinal)], null));
        }

        return asked;
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
                _connections.Add(PassAsync(client, _harms.TryDequeue(out var harm) ? harm : new Harm()));
            }
        }
        catch (Exception failure) when (failure is OperationCanceledException or SocketException)
        {
            // The test is over.
        }
    }

    private async Task PassAsync(TcpClient client, Harm harm)
    {
        using var server = new TcpClient();
        try
        {
            using (client)
            {
                await server.ConnectAsync(_server, _end.Token);
                var asking = AskAsync(client.GetStream(), server.GetStream());
                await AnswerAsync(server.GetStream(), client.GetStream(), harm);
                if (harm.IsReset)
                {
                    client.LingerState = new LingerOption(true, 0);
                }

                client.Close();
                server.Close();
                await asking;
            }
        }
        catch (Exception failure) when (
            failure is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // One of the two has gone.
        }
    }

    private async Task AskAsync(NetworkStream client, NetworkStream server)
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (await client.ReadAsync(buffer, _end.Token) is var count and > 0)
            {
                _requests.Writer.TryWrite(Encoding.ASCII.GetString(buffer, 0, count));
                await server.WriteAsync(buffer.AsMemory(0, count), _end.Token);
            }
        }
        catch (Exception failure) when (
            failure is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // One of the two has gone.
        }
    }

    private async Task AnswerAsync(NetworkStream server, NetworkStream client, Harm harm)
    {
        byte[] buffer = new byte[8192];
        string head = string.Empty;
        long body = -1;
        while (await server.ReadAsync(buffer, _end.Token) is var count and > 0)
        {
            int first = 0;
            if (body < 0)
            {
                head += Encoding.Latin1.GetString(buffer, 0, count);
                int end = head.IndexOf("\r\n\r\n", StringComparison.Ordinal);
                if (end < 0 && harm.CutAfter >= 0)
                {
                    await client.WriteAsync(buffer.AsMemory(0, count), _end.Token);
                    continue;
                }

                first = count - (head.Length - (end + 4));
                body = 0;
            }

            if (harm.CutAfter < 0)
            {
                return;
            }

            if (harm.FlipAt >= body && harm.FlipAt < body + count - first)
            {
                buffer[first + harm.FlipAt - body] ^= 4;
            }

            int passed = first + (int)Math.Min(count - first, Math.Min(harm.CutAfter, harm.StallAfter) - body);
            await client.WriteAsync(buffer.AsMemory(0, passed), _end.Token);
            body += passed - first;
            if (body == harm.StallAfter)
            {
                Stalled.TrySetResult();
                await Task.Delay(Timeout.Infinite, _end.Token);
            }

            if (body == harm.CutAfter)
            {
                return;
            }
        }
    }
}
