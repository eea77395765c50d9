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
/// <param name="server">Its address.</param>
/// <param name="harms">What is done, connection by connection.</param>
internal sealed class TcpProxy(string server, params IEnumerable<Harm> harms)
    : Proxy(new IPEndPoint(IPAddress.Loopback, 0))
{
    private readonly Channel<string> _requests = Channel.CreateUnbounded<string>();
    private readonly Queue<Harm> _harms = new(harms);
    private readonly IPEndPoint _server = IPEndPoint.Parse(server);

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

    protected override Func<TcpClient, CancellationToken, Task> Next()
    {
        var harm = _harms.TryDequeue(out var next) ? next : new Harm();
        return (client, end) => PassAsync(client, harm, end);
    }

    private async Task PassAsync(TcpClient client, Harm harm, CancellationToken end)
    {
        using var server = new TcpClient();
        await server.ConnectAsync(_server, end);
        var asking = AskAsync(client.GetStream(), server.GetStream(), end);
        await AnswerAsync(server.GetStream(), client.GetStream(), harm, end);
        if (harm.IsReset)
        {
            client.LingerState = new LingerOption(true, 0);
        }

        client.Close();
        server.Close();
        await asking;
    }

    private async Task AskAsync(NetworkStream client, NetworkStream server, CancellationToken end)
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (await client.ReadAsync(buffer, end) is var count and > 0)
            {
                _requests.Writer.TryWrite(Encoding.ASCII.GetString(buffer, 0, count));
                await server.WriteAsync(buffer.AsMemory(0, count), end);
            }
        }
        catch (Exception failure) when (
            failure is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // One of the two has gone.
        }
    }

    private async Task AnswerAsync(NetworkStream server, NetworkStream client, Harm harm, CancellationToken end)
    {
        byte[] buffer = new byte[8192];
        string head = string.Empty;
        long body = -1;
        while (await server.ReadAsync(buffer, end) is var count and > 0)
        {
            int first = 0;
            if (body < 0)
            {
                head += Encoding.Latin1.GetString(buffer, 0, count);
                int headEnd = head.IndexOf("\r\n\r\n", StringComparison.Ordinal);
                if (headEnd < 0 && harm.CutAfter >= 0)
                {
                    await client.WriteAsync(buffer.AsMemory(0, count), end);
                    continue;
                }

                first = count - (head.Length - (headEnd + 4));
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
            await client.WriteAsync(buffer.AsMemory(0, passed), end);
            body += passed - first;
            if (body == harm.StallAfter)
            {
                Stalled.TrySetResult();
                await new TaskCompletionSource().Task.WaitAsync(end);
            }

            if (body == harm.CutAfter)
            {
                return;
            }
        }
    }
}
