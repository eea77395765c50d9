using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.TestActors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace RnnLm.Tests;

/// <summary>The same rules where the connections of a cluster are made.</summary>
public sealed class Certificates_in_Kestrel_and_Akka : IDisposable
{
    // Only a test that fails waits so long.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly Clock _clock = new(new DateTimeOffset(2041, 5, 6, 7, 8, 9, TimeSpan.Zero));
    private readonly NodeCertificates _foreign;
    private readonly MutualTls _one;
    private readonly MutualTls _two;

    public Certificates_in_Kestrel_and_Akka()
    {
        using var ours = CertificateAuthority.Create(_clock);
        using var other = CertificateAuthority.Create(_clock);
        _one = new MutualTls(ours.Issue(new NodeIdentity("one", NodeIdentity.Loopback)), _clock);
        _two = new MutualTls(ours.Issue(new NodeIdentity("two", NodeIdentity.Loopback)), _clock);
        _foreign = other.Issue(new NodeIdentity("one", NodeIdentity.Loopback));
    }

    private MutualTls Stranger => new(_foreign, _clock);

    /// <summary>Clients that believe every server, and that no server may believe.</summary>
    private SslClientAuthenticationOptions[] Strangers =>
    [
        Handshake.AnyClient(_foreign.Certificate),
        Handshake.AnyClient(certificate: null),
        Handshake.AnyClient(Forgery.Certificate(issuer: null, _clock)),
    ];

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task Kestrel_serves_nodes_and_no_one_else(HttpProtocols protocol)
    {
        await using var server = await Serve(_one.ForKestrel(), protocol);
        Assert.Equal("CN=two, O=rnnlm", await Get(server, _two.ForClient()));
        foreach (var stranger in Strangers)
        {
            // Not an answer that is an error.
            Assert.Null((await Assert.ThrowsAsync<HttpRequestException>(() => Get(server, stranger))).StatusCode);
        }
    }

    [Fact]
    public async Task Kestrel_fetches_nothing_that_a_certificate_names()
    {
        using var bait = new Bait(_clock);
        var options = _one.ForKestrel();
        var validate = options.ClientCertificateValidation!;
        options.ClientCertificateValidation = (peer, chain, errors) => validate(peer, bait.Note(chain), errors);
        await using var server = await Serve(options, HttpProtocols.Http1);
        await Assert.ThrowsAsync<HttpRequestException>(
            () => Get(server, Handshake.AnyClient(bait.Certificate)));
        bait.WasNotTaken();
    }

    [Fact]
    public async Task A_client_does_not_talk_to_a_server_of_another_cluster()
    {
        await using var server = await Serve(Stranger.ForKestrel(), HttpProtocols.Http1);
        var failure = await Assert.ThrowsAsync<HttpRequestException>(() => Get(server, _two.ForClient()));
        Assert.IsType<AuthenticationException>(failure.InnerException);
    }

    [Fact]
    public async Task Actors_of_two_nodes_talk()
    {
        using var one = Start(_one);
        using var two = Start(_two);
        var actor = one.ActorOf(BlackHoleActor.Props, "actor");
        var address = ((ExtendedActorSystem)one).Provider.DefaultAddress;
        Assert.Equal("akka.ssl.tcp", address.Protocol);
        var found = await two.ActorSelection(new RootActorPath(address) / "user" / "actor").ResolveOne(Deadline);
        Assert.Equal(actor.Path.Uid, found.Path.Uid);
    }

    [Fact]
    public async Task An_actor_system_does_not_answer_strangers()
    {
        using var system = Start(_one);
        foreach (var stranger in Strangers)
        {
            Assert.False(await Answers(system, stranger));
        }
    }

    [Fact]
    public async Task An_actor_system_says_nothing_to_a_stranger()
    {
        using var system = Start(_one);
        foreach (var (server, isMember) in new (MutualTls, bool)[] { (_two, true), (Stranger, false) })
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            system.ActorSelection($"akka.ssl.tcp://other@{listener.LocalEndpoint}/user/actor").Tell("hello");
            using var accepted = await listener.AcceptTcpClientAsync();
            await using var stream = new SslStream(accepted.GetStream());
            var options = server.ForServer();
            options.RemoteCertificateValidationCallback = Handshake.Everyone;
            Assert.Equal(isMember, await Hears(stream, () => stream.AuthenticateAsServerAsync(options)));
        }
    }

    [Fact]
    public async Task An_actor_system_fetches_nothing_that_a_certificate_names()
    {
        using var bait = new Bait(_clock);
        using var system = Start(_one);
        Assert.False(await Answers(system, Handshake.AnyClient(bait.Certificate)));
        bait.WasNotSeen();
    }

    public void Dispose() => _foreign.Dispose();

    private static async Task<bool> Answers(ActorSystem system, SslClientAuthenticationOptions client)
    {
        client.TargetHost = "localhost";
        using var connection = new TcpClient();
        await connection.ConnectAsync(
            IPAddress.Loopback, ((ExtendedActorSystem)system).Provider.DefaultAddress.Port!.Value);
        await using var stream = new SslStream(connection.GetStream());
        return await Hears(stream, () => stream.AuthenticateAsClientAsync(client));
    }

    /// <summary>Whether the other end says anything before it ends the connection.</summary>
    private static async Task<bool> Hears(SslStream stream, Func<Task> authenticate)
    {
        try
        {
            await authenticate();
            return await stream.ReadAsync(new byte[1]).AsTask().WaitAsync(Deadline) > 0;
        }
        catch (Exception failure) when (failure is IOException or AuthenticationException)
        {
            return false;
        }
    }

    private static ActorSystem Start(MutualTls tls) => ActorSystem.Create(
        "node",
        BootstrapSetup.Create()
            .WithConfig(ConfigurationFactory.ParseString("""
                akka.loglevel = OFF
                akka.stdout-loglevel = OFF
                akka.actor.provider = remote
                akka.remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0, enable-ssl = on }
                """))
            .And(tls.ForAkka()));

    /// <summary>A server that answers with the subject of whoever asks.</summary>
    private static async Task<WebApplication> Serve(HttpsConnectionAdapterOptions options, HttpProtocols protocol)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = protocol;
                listen.UseHttps(options);
            }));
        var server = builder.Build();
        server.MapGet("/", (HttpContext context) => context.Connection.ClientCertificate?.Subject ?? "nobody");
        await server.StartAsync();
        return server;
    }

    private static async Task<string> Get(WebApplication server, SslClientAuthenticationOptions options)
    {
        using var handler = new SocketsHttpHandler { SslOptions = options };
        using var client = new HttpClient(handler)
        {
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        return await client.GetStringAsync(new Uri(server.Urls.Single()));
    }
}
