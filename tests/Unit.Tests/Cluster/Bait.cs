using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace RnnLm.Tests;

/// <summary>A certificate that says where the one of its issuer could be fetched: from a server that sees who
/// tries.</summary>
internal sealed class Bait : IDisposable
{
    private readonly TcpListener _server = new(IPAddress.Loopback, 0);
    private bool? _mayFetch;

    public Bait(Clock clock)
    {
        _server.Start();
        using var issuer = Forgery.Authority("CN=unknown", clock);
        Certificate = Forgery.Certificate(issuer, clock, downloadFrom: $"http://{_server.LocalEndpoint}/issuer.cer");
    }

    public X509Certificate2 Certificate { get; }

    /// <summary>The callback, which notes what TLS was allowed when it built its chain.</summary>
    public RemoteCertificateValidationCallback Noting(RemoteCertificateValidationCallback callback) =>
        (sender, peer, chain, errors) => callback(sender, peer, Note(chain), errors);

    /// <inheritdoc cref="Noting"/>
    public X509Chain? Note(X509Chain? chain)
    {
        _mayFetch = !chain!.ChainPolicy.DisableCertificateDownloads;
        return chain;
    }

    /// <summary>Requires that nobody came, nor would have if this process could fetch at all.</summary>
    public void WasNotTaken()
    {
        Assert.False(_mayFetch);
        WasNotSeen();
    }

    /// <summary>Requires that nobody came.</summary>
    public void WasNotSeen() => Assert.False(_server.Pending());

    public void Dispose()
    {
        _server.Dispose();
        Certificate.Dispose();
    }
}
