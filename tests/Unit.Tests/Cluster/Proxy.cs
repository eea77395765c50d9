using System.Net;
using System.Net.Sockets;

namespace RnnLm.Tests;

/// <summary>Stands between clients and a server on loopback until it is disposed of. Its heirs have their fields set
/// before the first client can come, by initializers.</summary>
internal abstract class Proxy : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly TcpListener _listener;
    private readonly List<Task> _connections = [];
    private readonly Task _accepting;

    /// <param name="listen">Where clients come to; port 0 for any.</param>
    protected Proxy(IPEndPoint listen)
    {
        _listener = new TcpListener(listen);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where clients come to.</summary>
    public string Address => $"{_listener.LocalEndpoint}";

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_connections);
        _end.Dispose();
    }

    /// <summary>What happens to the next connection; called in the order in which clients come.</summary>
    protected abstract Func<TcpClient, CancellationToken, Task> Next();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_end.Token);
                _connections.Add(ServeAsync(client, Next()));
            }
        }
        catch (Exception failure) when (failure is OperationCanceledException or SocketException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client, Func<TcpClient, CancellationToken, Task> serve)
    {
        using (client)
        {
            try
            {
                await serve(client, _end.Token);
            }
            catch (Exception failure) when (
                failure is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
                // The test is over, or one of the two has gone.
            }
        }
    }
}
