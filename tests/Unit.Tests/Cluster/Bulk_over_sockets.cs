using System.Net;
using System.Text;

namespace RnnLm.Tests;

/// <summary>Server and client of the bulk plane over real sockets of this machine.</summary>
public sealed class Bulk_over_sockets : IAsyncLifetime
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);
    private readonly CancellationTokenSource _deadline = new(s_deadline);
    private readonly BulkClient _client = new(null);
    private BulkServer _server = null!;

    private CancellationToken Deadline => _deadline.Token;

    public async Task InitializeAsync() => _server = await BulkServer.StartAsync(IPAddress.Loopback, "127.0.0.1", null);

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _client.Dispose();
        _deadline.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(1_000_003)]
    public async Task A_fetch_brings_all_bytes(int length)
    {
        byte[] bytes = Drawn(length);
        var reference = Offer(bytes);
        for (int time = 0; time < 2; time++)
        {
            Assert.Equal(bytes, await FetchAsync(_client, _server.Address, reference));
        }

        Assert.Equal(1, _server.Offers.Count);
        _server.Offers.Withdraw(BulkClient.IdOf(reference));
        Assert.Equal(0, _server.Offers.Count);
    }

    /// <summary>As whoever listens there wrote them.</summary>
    [Theory]
    [InlineData("LocalHost")]
    [InlineData("127.0.0.1")]
    public async Task Hosts_are_found_however_their_names_are_written(string host)
    {
        byte[] bytes = Drawn(10);
        string port = _server.Address[_server.Address.LastIndexOf(':')..];
        Assert.Equal(bytes, await FetchAsync(_client, host + port, Offer(bytes)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_fetch_that_breaks_off_goes_on_where_it_broke_off(bool isReset)
    {
        byte[] bytes = Drawn(300_000);
        var reference = Offer(bytes);
        await using var proxy = new TcpProxy(
            _server.Address,
            new Harm(CutAfter: 100_000, IsReset: isReset),
            new Harm(CutAfter: -1, IsReset: isReset),
            new Harm(CutAfter: 70_001, IsReset: isReset));
        Assert.Equal(bytes, await FetchAsync(_client, proxy.Address, reference));
        var asked = proxy.Asked();
        if (isReset)
        {
            // What was on its way when the connection was reset is lost.
            Assert.Equal([0, asked[1], asked[1], asked[3]], asked);
            Assert.InRange(asked[1], 0, 100_000);
            Assert.InRange(asked[3], asked[1], 170_001);
        }
        else
        {
            Assert.Equal([0, 100_000, 100_000, 170_001], asked);
        }
    }

    [Fact]
    public async Task A_fetch_that_breaks_off_again_and_again_is_given_up()
    {
        var reference = Offer(Drawn(100_000));
        await using var proxy = new TcpProxy(_server.Address, Enumerable.Repeat(new Harm(CutAfter: 10_000), 9));
        var failure = await Assert.ThrowsAsync<BulkException>(
            () => FetchAsync(_client, proxy.Address, reference));
        Assert.Contains(proxy.Address, failure.Message, StringComparison.Ordinal);
        Assert.Equal([0, 10_000, 20_000, 30_000], proxy.Asked());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(65_536)]
    [InlineData(99_999)]
    public async Task Bytes_that_changed_on_their_way_are_not_used(long at)
    {
        var reference = Offer(Drawn(100_000));
        await using var proxy = new TcpProxy(_server.Address, new Harm(FlipAt: at));
        var failure = await Assert.ThrowsAsync<BulkException>(
            () => FetchAsync(_client, proxy.Address, reference));
        Assert.Contains("not those that were offered", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bit_that_changed_before_it_broke_off_is_found_too()
    {
        var reference = Offer(Drawn(100_000));
        await using var proxy = new TcpProxy(_server.Address, new Harm(CutAfter: 50_000, FlipAt: 49_999));
        await Assert.ThrowsAsync<BulkException>(() => FetchAsync(_client, proxy.Address, reference));
        Assert.Equal([0, 50_000], proxy.Asked());
    }

    [Fact]
    public async Task A_number_that_is_unknown_or_known_no_more_brings_nothing()
    {
        var reference = Offer(Drawn(10));
        var unknown = new Wire.BulkReference(reference) { IdLow = reference.IdLow ^ 1 };
        var failure = await Assert.ThrowsAsync<BulkException>(() => FetchAsync(_client, _server.Address, unknown));
        Assert.Contains("404", failure.Message, StringComparison.Ordinal);
        _server.Offers.Withdraw(BulkClient.IdOf(unknown));
        Assert.Equal(1, _server.Offers.Count);
        _server.Offers.Withdraw(BulkClient.IdOf(reference));
        await Assert.ThrowsAsync<BulkException>(() => FetchAsync(_client, _server.Address, reference));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    [InlineData(1L << 40)]
    public async Task Lengths_that_differ_are_refused_before_a_byte_is_taken(long more)
    {
        byte[] bytes = Drawn(1000);
        var reference = Offer(bytes);
        byte[] destination = new byte[bytes.Length];
        var lie = new Wire.BulkReference(reference) { Length = bytes.Length + more };

        // Here before anybody is asked …
        await using var proxy = new TcpProxy(_server.Address);
        await Assert.ThrowsAsync<BulkException>(
            () => _client.FetchAsync(proxy.Address, lie, new Payload(() => destination), Deadline));
        Assert.Empty(proxy.Asked());

        // … and here by what the server says that it has.
        if (more < 1000)
        {
            byte[] expected = new byte[lie.Length];
            await Assert.ThrowsAsync<BulkException>(
                () => _client.FetchAsync(_server.Address, lie, new Payload(() => expected), Deadline));
            Assert.All(expected, value => Assert.Equal(0, value));
        }

        Assert.All(destination, value => Assert.Equal(0, value));
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_asked_again_from_there()
    {
        byte[] bytes = Drawn(200_000);
        var reference = Offer(bytes);
        using var time = new ManualTime();
        using var client = new BulkClient(null, time);
        await using var proxy = new TcpProxy(_server.Address, new Harm(StallAfter: 100_000));
        var fetch = FetchAsync(client, proxy.Address, reference);
        await proxy.Stalled.Task.WaitAsync(Deadline);
        time.Advance(BulkClient.Silence);
        Assert.Equal(bytes, await fetch);
        var asked = proxy.Asked();
        Assert.Equal(2, asked.Count);
        Assert.InRange(asked[1], 0, 100_000);
    }

    [Fact]
    public async Task A_server_that_never_answers_is_given_up()
    {
        using var time = new ManualTime();
        using var client = new BulkClient(null, time);
        using var server = new RawServer();
        var fetch = FetchAsync(client, server.Address, Reference(10));
        for (int attempt = 0; attempt < 4; attempt++)
        {
            using var connection = await server.AcceptAsync(Deadline);
            time.Advance(BulkClient.Silence - TimeSpan.FromTicks(1));
            Assert.False(fetch.IsCompleted);
            time.Advance(TimeSpan.FromTicks(1));
        }

        await Assert.ThrowsAsync<BulkException>(() => fetch.WaitAsync(Deadline));
    }

    [Fact]
    public async Task A_server_that_is_slow_and_says_something_now_and_then_is_waited_for()
    {
        byte[] bytes = Drawn(6);
        var offered = Offer(bytes);
        using var time = new ManualTime();
        using var client = new BulkClient(null, time);
        using var server = new RawServer();
        var fetch = FetchAsync(client, server.Address, offered);
        await time.ArmedAsync(s_deadline);
        using var connection = await server.AcceptAsync(Deadline);
        await connection.WriteAsync("HTTP/1.1 206 Partial Content\r\nContent-Length: 6\r\n\r\n", Deadline);
        foreach (byte one in bytes)
        {
            Assert.False(fetch.IsCompleted);
            time.Advance(BulkClient.Silence * 0.9);
            await connection.WriteAsync([one], Deadline);
            await time.ArmedAsync(s_deadline);
        }

        Assert.Equal(bytes, await fetch);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789")]
    [InlineData("HTTP/1.1 206 Partial Content\r\nContent-Length: 9\r\n\r\n012345678")]
    [InlineData("HTTP/1.1 206 Partial Content\r\nContent-Length: 11\r\n\r\n0123456789a")]
    [InlineData("HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 206 Partial Content\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 10\r\n\r\n0123456789")]
    [InlineData("HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\n\r\n0123456789")]
    [InlineData("HTTP/1.1 500 No\r\n\r\n")]
    [InlineData("SSH-2.0-OpenSSH\r\n\r\n")]
    [InlineData("")]
    public async Task Whatever_else_answers_brings_nothing(string answer)
    {
        using var server = new RawServer();
        var fetch = FetchAsync(_client, server.Address, Reference(10));
        while (true)
        {
            var accept = server.AcceptAsync(Deadline);
            if (await Task.WhenAny(accept, fetch) == fetch)
            {
                break;
            }

            using var connection = await accept;
            await connection.WriteAsync(answer, Deadline);
        }

        await Assert.ThrowsAsync<BulkException>(() => fetch);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("no port:")]
    [InlineData("127.0.0.1:99999")]
    [InlineData("[::1")]
    [InlineData("a b:80")]
    [InlineData("user@127.0.0.1:PORT")]
    [InlineData("127.0.0.1:PORT/elsewhere?of=")]
    [InlineData("127.0.0.1:PORT#")]
    [InlineData("\\\\127.0.0.1:PORT")]
    [InlineData("\u0000")]
    public async Task An_address_that_is_no_host_and_port_is_not_gone_to(string address)
    {
        using var server = new RawServer();
        address = address.Replace("127.0.0.1:PORT", server.Address, StringComparison.Ordinal);
        var accept = server.AcceptAsync(Deadline);
        var fetch = FetchAsync(_client, address, Reference(10));
        Assert.Same(fetch, await Task.WhenAny(accept, fetch));
        await Assert.ThrowsAsync<BulkException>(() => fetch);
    }

    [Fact]
    public async Task A_fetch_that_is_cancelled_ends()
    {
        using var server = new RawServer();
        using var cancellation = new CancellationTokenSource();
        var fetch = _client.FetchAsync(
            server.Address, Reference(10), new Payload(() => new byte[10]), cancellation.Token);
        using var connection = await server.AcceptAsync(Deadline);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetch.WaitAsync(Deadline));
    }

    /// <summary>Both readers are held where the server copies the bytes, and let go one after the other.</summary>
    [Fact]
    public async Task What_is_withdrawn_while_it_is_read_is_given_back_once_and_after_the_last_reader()
    {
        byte[] bytes = new byte[1 << 20];
        using var inside = new SemaphoreSlim(0);
        using var first = new ManualResetEventSlim();
        using var second = new ManualResetEventSlim();
        int reads = -1;
        var payload = new Payload(() =>
        {
            // The first is the payload's own look at how many there are.
            int read = Interlocked.Increment(ref reads);
            if (read is 1 or 2)
            {
                inside.Release();
                (read == 1 ? first : second).Wait(s_deadline);
            }

            return bytes;
        });
        int releases = 0;
        var released = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var reference = _server.Offers.Add(payload, 0, null, () =>
        {
            Interlocked.Increment(ref releases);
            released.TrySetResult(second.IsSet);
        });
        string request = $"GET /{BulkClient.IdOf(reference):x32} HTTP/1.1\r\nHost: {_server.Address}\r\n\r\n";
        using var early = await RawConnection.OpenAsync(_server.Address, Deadline);
        using var late = await RawConnection.OpenAsync(_server.Address, Deadline);
        foreach (var reader in new[] { early, late })
        {
            await reader.WriteAsync(request, Deadline);
            await inside.WaitAsync(Deadline);
        }

        _server.Offers.Withdraw(BulkClient.IdOf(reference));
        _server.Offers.Withdraw(BulkClient.IdOf(reference));
        Assert.Equal(0, Volatile.Read(ref releases));
        await Assert.ThrowsAsync<BulkException>(() => FetchAsync(_client, _server.Address, reference));
        first.Set();
        Assert.InRange(await early.DrainAsync(Deadline), 0, bytes.Length - 1);
        Assert.Equal(0, Volatile.Read(ref releases));
        second.Set();
        Assert.InRange(await late.DrainAsync(Deadline), 0, bytes.Length - 1);
        Assert.True(await released.Task.WaitAsync(Deadline));
        Assert.Equal(1, releases);
    }

    [Fact]
    public async Task A_server_that_ends_gives_everything_back_also_what_is_being_read()
    {
        byte[] bytes = new byte[64 << 20];
        var released = new List<string>();
        var reference = _server.Offers.Add(new Payload(() => bytes), 0, null, () => Add("read"));
        _server.Offers.Add(new Payload(() => bytes), 0, null, () => Add("not read"));
        void Add(string what)
        {
            lock (released)
            {
                released.Add(what);
            }
        }

        using var reader = await RawConnection.OpenAsync(_server.Address, Deadline);
        await reader.WriteAsync(
            $"GET /{BulkClient.IdOf(reference):x32} HTTP/1.1\r\nHost: {_server.Address}\r\n\r\n", Deadline);
        await reader.ReadHeadAsync(Deadline);
        await _server.DisposeAsync().AsTask().WaitAsync(Deadline);
        Assert.Equal(["not read", "read"], released.Order());
        Assert.Equal(0, _server.Offers.Count);
    }

    [Fact]
    public async Task Odd_requests_are_refused_and_the_server_goes_on_serving()
    {
        byte[] bytes = Drawn(1000);
        var reference = Offer(bytes);
        string id = $"{BulkClient.IdOf(reference):x32}";
        string host = $"Host: {_server.Address}\r\n";
        string get = $"GET /{id} HTTP/1.1\r\n{host}";
        string[] requests =
        [
            $"GET /{new string('0', 10_000)}{id} HTTP/1.1\r\n{host}\r\n",
            $"GET /{new string('a', 300)} HTTP/1.1\r\n{host}\r\n",
            $"{get}{string.Concat(Enumerable.Range(0, 100).Select(n => $"X-{n}: 1\r\n"))}\r\n",
            $"{get}X: {new string('x', 100_000)}\r\n\r\n",
            $"POST /{id} HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello",
            $"POST /{id} HTTP/1.1\r\n{host}Content-Length: 99999999999\r\n\r\nhello",
            $"POST /{id} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            $"PUT /{id} HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n",
            $"DELETE /{id} HTTP/1.1\r\n{host}\r\n",
            $"HEAD /{id} HTTP/1.1\r\n{host}\r\n",
            $"OPTIONS * HTTP/1.1\r\n{host}\r\n",
            $"CONNECT {_server.Address} HTTP/1.1\r\n{host}\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0",
            $"GET /{id}\r\n\r\n",
            $"GET /{id} HTTP/1.1\r\n\r\n",
            $"GET /{id} HTTP/3.7\r\n{host}\r\n",
            $"GET / HTTP/1.1\r\n{host}\r\n",
            $"GET // HTTP/1.1\r\n{host}\r\n",
            $"GET /{id[1..]} HTTP/1.1\r\n{host}\r\n",
            $"GET /0{id} HTTP/1.1\r\n{host}\r\n",
            $"GET /-1 HTTP/1.1\r\n{host}\r\n",
            $"GET /%00 HTTP/1.1\r\n{host}\r\n",
            $"GET /../{id}/.. HTTP/1.1\r\n{host}\r\n",
            $"GET /{id}/{id} HTTP/1.1\r\n{host}\r\n",
            $"{get}Range: bytes=-5\r\n\r\n",
            $"{get}Range: bytes=0-5\r\n\r\n",
            $"{get}Range: bytes=5-2\r\n\r\n",
            $"{get}Range: bytes=1000-\r\n\r\n",
            $"{get}Range: bytes=9223372036854775807-\r\n\r\n",
            $"{get}Range: bytes=9223372036854775808-\r\n\r\n",
            $"{get}Range: bytes=0-,5-\r\n\r\n",
            $"{get}Range: bytes=0-\r\nRange: bytes=5-\r\n\r\n",
            $"{get}Range: items=5-\r\n\r\n",
            $"{get}Range: nonsense\r\n\r\n",
            "\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00fc\u0003\u0003",
            "\0\0\0\0\r\n\r\n",
            new string('\u00ff', 100_000),
            "\r\n\r\n\r\n",
            string.Empty,
        ];
        foreach (string request in requests)
        {
            string status = await AskAsync(request);
            string shown = request[..Math.Min(100, request.Length)];
            Assert.False(status.StartsWith("HTTP/1.1 2", StringComparison.Ordinal), $"{shown} → {status}");
            Assert.False(status.StartsWith("HTTP/1.1 500", StringComparison.Ordinal), $"{shown} → {status}");
            Assert.Equal(bytes, await FetchAsync(_client, _server.Address, reference));
        }

        Assert.StartsWith("HTTP/1.1 206", await AskAsync($"{get}\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 206", await AskAsync($"{get}Range: bytes=999-\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_on_loopback_it_listens_without_certificates()
    {
        foreach (var everywhere in new[] { IPAddress.Any, IPAddress.IPv6Any })
        {
            await Assert.ThrowsAsync<InvariantViolatedException>(
                () => BulkServer.StartAsync(everywhere, $"{everywhere}", null));
        }
    }

    /// <summary>The status line of the answer; empty when the connection ends without one.</summary>
    private async Task<string> AskAsync(string request)
    {
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(IPEndPoint.Parse(_server.Address), Deadline);
        var stream = client.GetStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(request), Deadline);
            if (!request.Contains(" HTTP/", StringComparison.Ordinal))
            {
                // Else the rest of it would be waited for.
                client.Client.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            }
        }
        catch (IOException)
        {
            // It was refused before it was sent whole.
        }

        using var reader = new StreamReader(stream, Encoding.Latin1);
        try
        {
            return await reader.ReadLineAsync(Deadline) ?? string.Empty;
        }
        catch (IOException)
        {
            return string.Empty;
        }
    }

    private Wire.BulkReference Offer(byte[] bytes)
    {
        int half = bytes.Length / 2;
        var payload = new Payload(() => bytes.AsSpan(0, half), () => [], () => bytes.AsSpan(half));
        return _server.Offers.Add(payload, payload.Hash(), null, () => { });
    }

    private async Task<byte[]> FetchAsync(BulkClient client, string address, Wire.BulkReference reference)
    {
        byte[] fetched = new byte[reference.Length];
        await client.FetchAsync(address, reference, new Payload(() => fetched), Deadline);
        return fetched;
    }

    /// <summary>Of something that nobody offers.</summary>
    private static Wire.BulkReference Reference(long length) => new() { IdHigh = 1, IdLow = 2, Length = length };

    private static byte[] Drawn(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
