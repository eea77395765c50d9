using System.Net;
using System.Net.Sockets;
using System.Text;

namespace RnnLm.Tests;

/// <summary>A server that does what the test says, byte by byte.</summary>
internal sealed class RawServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public RawServer() => _listener.Start();

    public string Address => $"{_listener.LocalEndpoint}";

    /// <summary>The next connection, when its request is there.</summary>
    public async Task<RawConnection> AcceptAsync(CancellationToken deadline)
    {
        var connection = new RawConnection(await _listener.AcceptTcpClientAsync(deadline));
        await connection.ReadHeadAsync(deadline);
        return connection;
    }

    public void Dispose() => _listener.Dispose();
}

/// <summary>One connection, at either end of it.</summary>
internal sealed class RawConnection(TcpClient client) : IDisposable
{
    public static async Task<RawConnection> OpenAsync(string address, CancellationToken deadline)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPEndPoint.Parse(address), deadline);
        return new RawConnection(client);
    }

    public Task WriteAsync(string text, CancellationToken deadline) =>
        WriteAsync(Encoding.Latin1.GetBytes(text), deadline);

    public async Task WriteAsync(byte[] bytes, CancellationToken deadline) =>
        await client.GetStream().WriteAsync(bytes, deadline);

    /// <summary>Reads up to the empty line, byte by byte so that nothing of the body is taken; what came, if it ends
    /// before.</summary>
    public async Task<string> ReadHeadAsync(CancellationToken deadline)
    {
        var head = new StringBuilder();
        byte[] one = new byte[1];
        try
        {
            while (!$"{head}".EndsWith("\r\n\r\n", StringComparison.Ordinal) &&
                await client.GetStream().ReadAsync(one, deadline) > 0)
            {
                head.Append((char)one[0]);
            }
        }
        catch (IOException)
        {
            // The other end has gone without a good-bye.
        }

        return $"{head}";
    }

    /// <summary>Reads until the other end has gone.</summary>
    public async Task<long> DrainAsync(CancellationToken deadline)
    {
        byte[] buffer = new byte[1 << 16];
        long drained = 0;
        try
        {
            while (await client.GetStream().ReadAsync(buffer, deadline) is var count and > 0)
            {
                drained += count;
            }
        }
        catch (IOException)
        {
            // It has gone without a good-bye.
        }

        return drained;
    }

    public void Dispose() => client.Dispose();
}
