using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Akka.Remote.Transport.DotNetty;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace RnnLm.Cluster;

/// <summary>
/// TLS between the processes of a cluster: both ends show a certificate, and each accepts the other if it is a member
/// (<see cref="Membership"/>). Certificates are looked at when a connection is made, not afterwards.
/// </summary>
/// <param name="own">This process's certificates; they must outlive all connections.</param>
/// <param name="time">Says which certificates are valid now.</param>
public sealed class MutualTls(NodeCertificates own, TimeProvider time)
{
    private const SslProtocols Versions = SslProtocols.Tls12 | SslProtocols.Tls13;

    /// <summary>A peer with this certificate was refused, and why: what follows "its certificate"; on any thread.
    /// </summary>
    public event Action<X509Certificate?, string>? Refused;

    /// <summary>Whether a peer with this certificate, null for none, is a member.</summary>
    /// <param name="peer">Its certificate.</param>
    /// <param name="chain">Not used: what the peer sent beside its certificate must not help it.</param>
    /// <param name="errors">Not used: they were found by other rules, those of the machine's trusted roots and of host
    /// names.</param>
    public bool Validate(X509Certificate? peer, X509Chain? chain, SslPolicyErrors errors)
    {
        if (WhyRefused(peer) is { } reason)
        {
            Refused?.Invoke(peer, reason);
            return false;
        }

        return true;
    }

    /// <summary>Why a peer with this certificate is refused, as what follows "its certificate"; null if it is
    /// not.</summary>
    public string? WhyRefused(X509Certificate? peer)
    {
        switch (peer)
        {
            case null:
                return "is missing";
            case X509Certificate2 whole:
                return Membership.WhyNot(whole, own.Authority, time.GetUtcNow());
            default:
                using (var whole = X509CertificateLoader.LoadCertificate(peer.GetRawCertData()))
                {
                    return Membership.WhyNot(whole, own.Authority, time.GetUtcNow());
                }
        }
    }

    /// <summary>For the accepting end of an <see cref="SslStream"/>.</summary>
    public SslServerAuthenticationOptions ForServer()
    {
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = Context(),
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, peer, chain, errors) => Validate(peer, chain, errors),
            EnabledSslProtocols = Versions,
            AllowRenegotiation = false,
        };
        Harden(options);
        return options;
    }

    /// <summary>For Kestrel.</summary>
    public HttpsConnectionAdapterOptions ForKestrel() => new()
    {
        ServerCertificate = own.Certificate,
        ClientCertificateMode = ClientCertificateMode.RequireCertificate,
        ClientCertificateValidation = Validate,
        SslProtocols = Versions,
        CheckCertificateRevocation = false,
        OnAuthenticate = (_, options) => Harden(options),
    };

    /// <summary>For the connecting end of an <see cref="SslStream"/>, and for
    /// <see cref="SocketsHttpHandler.SslOptions"/>.</summary>
    public SslClientAuthenticationOptions ForClient() => new()
    {
        ClientCertificateContext = Context(),
        RemoteCertificateValidationCallback = (_, peer, chain, errors) => Validate(peer, chain, errors),
        EnabledSslProtocols = Versions,
        AllowRenegotiation = false,
        AllowTlsResume = false,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = Membership.Policy(own.Authority),
    };

    /// <summary>For Akka.NET's remoting, which then speaks TLS 1.2. It has an effect only with
    /// <c>akka.remote.dot-netty.tcp.enable-ssl = on</c>; addresses then begin with <c>akka.ssl.tcp</c>. From here on
    /// this process fetches no certificates that others name.</summary>
    public DotNettySslSetup ForAkka()
    {
        // DotNetty lets TLS build its own chain by rules that cannot be set, and by those .NET 10 fetches, for whoever
        // connects, what his certificate names, and waits for it. Where no byte may be fetched it does not begin to.
        AppContext.SetData("System.Security.Cryptography.AiaDownloadLimit", 0L);
        return new DotNettySslSetup(
            own.Certificate,
            suppressValidation: false,
            requireMutualAuthentication: true,
            customValidator: (peer, chain, _, errors, _) => Validate(peer, chain, errors));
    }

    private SslStreamCertificateContext Context() =>
        SslStreamCertificateContext.Create(own.Certificate, additionalCertificates: null, offline: true);

    private void Harden(SslServerAuthenticationOptions options)
    {
        // A resumed session would not show its certificate anew.
        options.AllowTlsResume = false;
        options.CertificateRevocationCheckMode = X509RevocationMode.NoCheck;

        // TLS builds a chain before it asks us.
        options.CertificateChainPolicy = Membership.Policy(own.Authority);
    }
}
