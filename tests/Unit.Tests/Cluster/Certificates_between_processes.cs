using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RnnLm.Tests;

/// <summary>Who is let into a cluster, in real handshakes. Each stranger comes as a client and as a server.</summary>
public sealed class Certificates_between_processes : IDisposable
{
    // Another year than the machine's: nothing may look at its clock.
    private readonly Clock _clock = new(new DateTimeOffset(2041, 5, 6, 7, 8, 9, TimeSpan.Zero));
    private readonly TemporaryDirectory _directory = new();
    private readonly CertificateAuthority _authority;
    private readonly X509Certificate2 _stolen;
    private readonly MutualTls _one;
    private readonly MutualTls _two;

    public Certificates_between_processes()
    {
        _authority = CertificateAuthority.Create(_clock);
        _authority.WriteTo(_directory["ca"]);
        _stolen = Forgery.Steal(_directory["ca"]);
        _one = Node("one");
        _two = Node("two");
    }

    [Theory]
    [InlineData(SslProtocols.None, SslProtocols.Tls13)]
    [InlineData(SslProtocols.Tls12, SslProtocols.Tls12)]
    public async Task Nodes_of_one_authority_accept_each_other_under_any_host_name(
        SslProtocols asked, SslProtocols expected)
    {
        var client = _two.ForClient();
        client.TargetHost = "no.such.node";
        client.EnabledSslProtocols = asked == SslProtocols.None ? client.EnabledSslProtocols : asked;
        var handshake = await Handshake.Between(_one.ForServer(), client);
        handshake.Succeeded();
        Assert.Equal(expected, handshake.Version);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task A_client_without_a_certificate_is_refused(SslProtocols version)
    {
        var client = Handshake.AnyClient(certificate: null);
        client.EnabledSslProtocols = version;
        (await Handshake.Between(_one.ForServer(), client)).RefusedByServer();
    }

    [Fact]
    public async Task A_node_of_another_cluster_is_refused_and_refuses()
    {
        using var other = CertificateAuthority.Create(_clock);
        var stranger = new MutualTls(other.Issue(Identity("one")), _clock);
        (await Handshake.Between(_one.ForServer(), stranger.ForClient())).RefusedByClient();
        (await Handshake.Between(stranger.ForServer(), _one.ForClient())).RefusedByClient();
        await Refuses(other.Issue(Identity("one")).Certificate, other.Certificate);
    }

    [Fact]
    public async Task Who_calls_an_authority_as_ours_is_called_is_refused()
    {
        using var impostor = Forgery.Authority(_authority.Certificate.SubjectName, _clock, pathLength: 0);
        await Refuses(Forgery.Certificate(impostor, _clock), impostor);
    }

    [Fact]
    public async Task Who_signed_for_himself_is_refused() =>
        await Refuses(Forgery.Certificate(issuer: null, _clock));

    /// <summary>The other cases are refused for what they are said to be, if this one is accepted.</summary>
    [Fact]
    public async Task What_the_stolen_key_signs_like_the_authority_is_accepted() =>
        await Accepts(Forgery.Certificate(_stolen, _clock));

    [Fact]
    public async Task A_node_cannot_let_others_in()
    {
        using var node = _authority.Issue(Identity("three"));
        using var guest = Forgery.Certificate(node.Certificate, _clock);
        await Refuses(guest);
        await Refuses(guest, node.Certificate);
        await Refuses(guest, node.Certificate, _authority.Certificate);
    }

    /// <summary>Where X.509 would allow it: an authority without a limit on its chains, which ours has.</summary>
    [Fact]
    public async Task What_a_peer_sends_beside_its_certificate_does_not_help_it()
    {
        using var root = Forgery.Authority("CN=root", _clock);
        using var between = Forgery.Certificate(root, _clock, "CN=between", isAuthority: true);
        using var guest = Forgery.Certificate(between, _clock);
        using var member = Forgery.Certificate(root, _clock);
        var node = new MutualTls(new NodeCertificates("node", member, root), _clock);
        await Refuses(node, guest, between);
        await Accepts(node, member);
    }

    [Fact]
    public async Task The_authority_itself_is_no_node()
    {
        await Refuses(_stolen);

        // Nor is one that calls itself a node.
        using var odd = Forgery.Authority("CN=node, O=rnnlm", _clock);
        await Refuses(new MutualTls(new NodeCertificates("node", odd, odd), _clock), odd);
    }

    [Theory]
    [InlineData("CN=node")]
    [InlineData("CN=rnnlm")]
    [InlineData("CN=node, O=rnnlm2")]
    [InlineData("CN=node, O=RNNLM")]
    [InlineData("CN=\"node, O=rnnlm\"")]
    [InlineData("CN=node, OU=rnnlm")]
    [InlineData("CN=node + O=rnnlm")]
    public async Task A_certificate_of_something_else_than_a_node_is_refused(string subject) =>
        await Refuses(Forgery.Certificate(_stolen, _clock, subject));

    [Theory]
    [InlineData(Forgery.ServerAuthentication)]
    [InlineData(Forgery.ClientAuthentication)]
    [InlineData("1.3.6.1.5.5.7.3.3")]
    [InlineData("2.5.29.37.0")]
    [InlineData]
    public async Task A_certificate_for_another_use_is_refused(params string[] usages) =>
        await Refuses(Forgery.Certificate(_stolen, _clock, usages: usages));

    [Fact]
    public async Task A_certificate_counts_from_five_minutes_before_it_was_issued_to_its_last_second()
    {
        using var node = _authority.Issue(Identity("three"), TimeSpan.FromDays(10));
        var issued = _clock.Now;
        foreach (var (time, isValid) in new (TimeSpan, bool)[]
        {
            (TimeSpan.FromMinutes(-5) - TimeSpan.FromSeconds(1), false),
            (TimeSpan.FromMinutes(-5), true),
            (TimeSpan.Zero, true),
            (TimeSpan.FromDays(10) - TimeSpan.FromSeconds(1), true),
            (TimeSpan.FromDays(10) + TimeSpan.FromSeconds(1), false),
        })
        {
            _clock.Now = issued + time;
            await (isValid ? Accepts(node.Certificate) : Refuses(node.Certificate));
        }
    }

    [Fact]
    public async Task Nobody_is_accepted_once_the_authority_has_expired()
    {
        using var stolen = Forgery.Authority("CN=ca", _clock);
        using var member = Forgery.Certificate(stolen, new Clock(_clock.Now.AddYears(20).AddDays(-1)));
        var node = new MutualTls(new NodeCertificates("node", member, stolen), _clock);
        _clock.Now = _clock.Now.AddYears(20).AddHours(-1);
        await Accepts(node, member);
        _clock.Now = _clock.Now.AddHours(2);
        await Refuses(node, member);
    }

    [Fact]
    public async Task Nothing_is_fetched_that_a_certificate_names()
    {
        using var bait = new Bait(_clock);
        var server = _one.ForServer();
        server.RemoteCertificateValidationCallback = bait.Noting(server.RemoteCertificateValidationCallback!);
        (await Handshake.Between(server, Handshake.AnyClient(bait.Certificate))).RefusedByServer();
        bait.WasNotTaken();

        using var other = new Bait(_clock);
        var client = _one.ForClient();
        client.RemoteCertificateValidationCallback = other.Noting(client.RemoteCertificateValidationCallback!);
        (await Handshake.Between(Handshake.AnyServer(other.Certificate), client)).RefusedByClient();
        other.WasNotTaken();
    }

    [Fact]
    public void A_refusal_says_why()
    {
        using var expired = Forgery.Certificate(_stolen, new Clock(_clock.Now.AddYears(-3)));
        using var guest = Forgery.Certificate(issuer: null, _clock);
        using var other = Forgery.Certificate(_stolen, _clock, "CN=door");
        Assert.Equal("is missing", _one.WhyRefused(null));
        Assert.Equal(
            "expired on 2039-05-06 07:08:09 UTC and the clock says 2041-05-06 07:08:09 UTC", _one.WhyRefused(expired));
        Assert.StartsWith(
            $"was not issued by this cluster's CA ({_authority.Certificate.Subject}",
            _one.WhyRefused(guest),
            StringComparison.Ordinal);
        Assert.Equal("is of CN=door, not of a node (O=rnnlm)", _one.WhyRefused(other));
    }

    [Fact]
    public void A_certificate_with_any_byte_changed_is_refused_with_a_reason()
    {
        using var node = _authority.Issue(Identity("three"));
        byte[] good = node.Certificate.RawData;
        Assert.Null(_one.WhyRefused(X509CertificateLoader.LoadCertificate(good)));
        int read = 0;
        for (int at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= (byte)(1 << (at % 8));
            try
            {
                using var certificate = X509CertificateLoader.LoadCertificate(bad);
                read++;
                Assert.NotNull(_one.WhyRefused(certificate));
            }
            catch (CryptographicException)
            {
                // No certificate any more; TLS would not have handed it over.
            }
        }

        Assert.InRange(read, good.Length / 4, good.Length);
    }

    [OpenSslFact]
    public async Task Another_implementation_of_TLS_talks_to_a_node()
    {
        using var node = _authority.Issue(Identity("three"));
        node.WriteTo(_directory["three"]);
        string[] own =
        [
            "-cert", _directory["three", "three.pem"], "-key", _directory["three", "three.key"],
        ];
        Assert.Contains("Verification: OK", await Connect(own, Assert.Null), StringComparison.Ordinal);
        await Connect([], failure => Assert.IsType<AuthenticationException>(failure));
    }

    public void Dispose()
    {
        _stolen.Dispose();
        _authority.Dispose();
        _directory.Dispose();
    }

    /// <summary>What <c>openssl s_client</c> says when it connects to a node, whose end of it is checked.</summary>
    private async Task<string> Connect(string[] own, Action<Exception?> check)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var server = Task.Run(async () =>
        {
            using var accepted = await listener.AcceptTcpClientAsync();
            await using var stream = new SslStream(accepted.GetStream());
            return await Record.ExceptionAsync(() => stream.AuthenticateAsServerAsync(_one.ForServer()));
        });
        string[] arguments =
        [
            "s_client", "-connect", $"{listener.LocalEndpoint}", "-CAfile", _directory["ca", "ca.pem"],
            "-verify_return_error", "-attime", $"{_clock.Now.ToUnixTimeSeconds()}", .. own,
        ];
        string said = OpenSsl.Run(arguments).Said;
        check(await server);
        return said;
    }

    private static NodeIdentity Identity(string name) => new(name, NodeIdentity.Loopback);

    private MutualTls Node(string name) => new(_authority.Issue(Identity(name)), _clock);

    private Task Refuses(X509Certificate2 peer, params X509Certificate2[] sentAlong) =>
        Refuses(_one, peer, sentAlong);

    private Task Accepts(X509Certificate2 peer) => Accepts(_one, peer);

    private static async Task Refuses(MutualTls node, X509Certificate2 peer, params X509Certificate2[] sentAlong)
    {
        (await Handshake.Between(node.ForServer(), Handshake.AnyClient(peer, sentAlong))).RefusedByServer();
        (await Handshake.Between(Handshake.AnyServer(peer, sentAlong), node.ForClient())).RefusedByClient();
    }

    private static async Task Accepts(MutualTls node, X509Certificate2 peer)
    {
        (await Handshake.Between(node.ForServer(), Handshake.AnyClient(peer))).Succeeded();
        (await Handshake.Between(Handshake.AnyServer(peer), node.ForClient())).Succeeded();
    }
}
