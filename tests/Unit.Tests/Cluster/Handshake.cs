using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace RnnLm.Tests;

/// <summary>What came of a TLS connection over a pair of sockets, on which each end sends a byte and waits for the
/// other's.</summary>
/// <param name="AtServer">What ended it at the accepting end; null for nothing.</param>
/// <param name="AtClient">What ended it at the connecting end; null for nothing.</param>
/// <param name="Version">What was spoken.</param>
internal sealed record Handshake(Exception? AtServer, Exception? AtClient, SslProtocols Version)
{
    public static async Task<Handshake> Between(
        SslServerAuthenticationOptions server, SslClientAuthenticationOptions client)
    {
        client.TargetHost ??= "somewhere.else";
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var connected = new TcpClient();
        await connected.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using var accepted = await listener.AcceptTcpClientAsync();
        var version = SslProtocols.None;
        var failures = await Task.WhenAll(
            Failure(accepted, stream => stream.AuthenticateAsServerAsync(server)),
            Failure(connected, async stream =>
            {
                await stream.AuthenticateAsClientAsync(client);
                version = stream.SslProtocol;
            }));
        return new Handshake(failures[0], failures[1], version);
    }

    /// <summary>A client that believes everyone and shows what it is given.</summary>
    public static SslClientAuthenticationOptions AnyClient(
        X509Certificate2? certificate, params X509Certificate2[] intermediates)
    {
        return new()
        {
            ClientCertificateContext = certificate is null ? null : Context(certificate, intermediates),
            RemoteCertificateValidationCallback = Everyone,
        };
    }

    /// <summary>A server that believes everyone and shows what it is given.</summary>
    public static SslServerAuthenticationOptions AnyServer(
        X509Certificate2 certificate, params X509Certificate2[] intermediates)
    {
        return new()
        {
            ServerCertificateContext = Context(certificate, intermediates),
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = Everyone,
        };
    }

    /// <summary>Believes every certificate, and none.</summary>
    public static bool Everyone(object sender, X509Certificate? peer, X509Chain? chain, SslPolicyErrors errors) =>
        errors >= SslPolicyErrors.None;

    public void Succeeded()
    {
        Assert.Null(AtServer);
        Assert.Null(AtClient);
    }

    /// <summary>The accepting end did not accept the other's certificate, and the other got nothing.</summary>
    public void RefusedByServer()
    {
        Assert.IsType<AuthenticationException>(AtServer);
        Assert.NotNull(AtClient);
    }

    /// <summary>The connecting end did not accept the other's certificate, and the other got nothing.</summary>
    public void RefusedByClient()
    {
        Assert.IsType<AuthenticationException>(AtClient);
        Assert.NotNull(AtServer);
    }

    private static SslStreamCertificateContext Context(
        X509Certificate2 certificate, X509Certificate2[] intermediates) =>
        SslStreamCertificateContext.Create(certificate, [.. intermediates], offline: true);

    private static async Task<Exception?> Failure(TcpClient end, Func<SslStream, Task> authenticate)
    {
        using (end)
        {
            await using var stream = new SslStream(end.GetStream());
            return await Record.ExceptionAsync(async () =>
            {
                await authenticate(stream);
                await stream.WriteAsync(new byte[] { 1 });
                await stream.ReadExactlyAsync(new byte[1]);
            });
        }
    }
}
