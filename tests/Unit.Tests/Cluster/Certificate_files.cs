using System.Runtime.Versioning;
using System.Security.Cryptography;

namespace RnnLm.Tests;

[SupportedOSPlatform("linux")]
public sealed class Certificate_files : IDisposable
{
    private const UnixFileMode OwnerReadsAndWrites = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // The day before a leap day, in a year that UTCTime of X.509 cannot say.
    private readonly Clock _clock = new(new DateTimeOffset(2052, 2, 28, 23, 59, 30, 500, TimeSpan.FromHours(-3)));
    private readonly TemporaryDirectory _directory = new(isInMemory: true);

    private string Ca => _directory["ca"];

    [OpenSslFact]
    public void OpenSsl_verifies_a_node_for_both_ends_and_strictly()
    {
        Make("node", "a.example", "10.1.2.3", "::1");
        Assert.Equal(0, Verify("node", "-purpose", "sslserver").ExitCode);
        Assert.Equal(0, Verify("node", "-purpose", "sslclient").ExitCode);
        foreach (string[] host in new string[][]
        {
            ["-verify_hostname", "a.example"], ["-verify_ip", "10.1.2.3"], ["-verify_ip", "::1"],
        })
        {
            Assert.Equal(0, Verify("node", host).ExitCode);
        }

        Assert.NotEqual(0, Verify("node", "-verify_hostname", "b.example").ExitCode);
        Assert.NotEqual(0, Verify("node", "-purpose", "smimesign").ExitCode);
    }

    [OpenSslFact]
    public void OpenSsl_reads_names_and_limits()
    {
        Make("node");
        var (_, node) = OpenSsl.Run(
            "x509", "-in", Path.Combine(Ca, "node.pem"), "-noout", "-text", "-nameopt", "RFC2253");
        Assert.Contains("Subject: CN=node,O=rnnlm\n", node, StringComparison.Ordinal);
        Assert.Contains("ASN1 OID: prime256v1", node, StringComparison.Ordinal);
        Assert.Contains("Not Before: Feb 29 02:54:30 2052 GMT", node, StringComparison.Ordinal);
        Assert.Contains("Not After : Feb 28 02:59:30 2053 GMT", node, StringComparison.Ordinal);
        Assert.Contains("CA:FALSE", node, StringComparison.Ordinal);

        var (_, authority) = OpenSsl.Run("x509", "-in", Path.Combine(Ca, "ca.pem"), "-noout", "-text");
        Assert.Matches("Subject: CN = rnnlm cluster CA [0-9a-f]{16}\n", authority);
        Assert.Contains("CA:TRUE, pathlen:0", authority, StringComparison.Ordinal);
        Assert.Contains("Certificate Sign, CRL Sign\n", authority, StringComparison.Ordinal);
        Assert.Contains("Not After : Feb 26 02:59:30 2062 GMT", authority, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_is_valid_for_no_longer_than_its_authority()
    {
        using var authority = CertificateAuthority.Create(_clock, TimeSpan.FromDays(100));
        _clock.Now += TimeSpan.FromDays(10);
        using var node = authority.Issue(Identity("node"));
        Assert.Equal(authority.Certificate.NotAfter, node.Certificate.NotAfter);
        _clock.Now -= TimeSpan.FromDays(10);
        using var early = authority.Issue(Identity("node"), TimeSpan.FromDays(1));
        Assert.Equal(_clock.Now.AddDays(1).ToUnixTimeSeconds(), Seconds(early.Certificate.NotAfter));
        Assert.Equal(_clock.Now.AddMinutes(-5).ToUnixTimeSeconds(), Seconds(early.Certificate.NotBefore));
    }

    [Fact]
    public void Serials_and_authorities_are_never_the_same()
    {
        using var authority = CertificateAuthority.Create(_clock);
        var serials = Enumerable.Range(0, 50)
            .Select(_ => authority.Issue(Identity("node")).Certificate.SerialNumber)
            .ToList();
        Assert.Equal(serials.Count, serials.Distinct().Count());
        Assert.All(serials, serial => Assert.Equal(32, serial.Length));
        using var other = CertificateAuthority.Create(_clock);
        Assert.NotEqual(authority.Certificate.Subject, other.Certificate.Subject);
    }

    [Fact]
    public void Keys_are_their_owners_alone_and_nothing_is_left_beside_the_files()
    {
        Make("node");
        Assert.Equal(["ca.key", "ca.pem", "node.key", "node.pem"], Names(Ca));
        Assert.Equal(OwnerReadsAndWrites | UnixFileMode.UserExecute, File.GetUnixFileMode(Ca));
        Assert.Equal(OwnerReadsAndWrites, File.GetUnixFileMode(Path.Combine(Ca, "ca.key")));
        Assert.Equal(OwnerReadsAndWrites, File.GetUnixFileMode(Path.Combine(Ca, "node.key")));
        Assert.StartsWith("-----BEGIN PRIVATE KEY-----\n", Text("node.key"), StringComparison.Ordinal);
        Assert.EndsWith("\n-----END CERTIFICATE-----\n", Text("node.pem"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_there_is_replaced_only_when_that_is_asked_for()
    {
        using var authority = Make("node");
        var before = Texts();
        using var again = authority.Issue(Identity("node"));
        Refuses(() => again.WriteBeside(Ca, replace: false), "node.key' is there already", "--force");
        File.Delete(Path.Combine(Ca, "node.key"));
        Refuses(() => again.WriteBeside(Ca, replace: false), "node.pem' is there already", "--force");
        using var other = CertificateAuthority.Create(_clock);
        Refuses(() => other.WriteTo(Ca), "ca.pem' is there already", "another directory");
        File.Delete(Path.Combine(Ca, "ca.pem"));
        Refuses(() => other.WriteTo(Ca), "ca.key' is there already", "another directory");
        Assert.Equal(before.Where(file => file.Key is "ca.key" or "node.pem"), Texts());

        again.WriteBeside(Ca, replace: true);
        Assert.NotEqual(before["node.pem"], Text("node.pem"));
        Assert.Equal(before["ca.key"], Text("ca.key"));
    }

    [Fact]
    public void Of_several_that_make_an_authority_in_one_place_one_does()
    {
        const int makers = 4;
        for (int round = 0; round < 20; round++)
        {
            string place = _directory[$"ca-{round}"];
            using var together = new Barrier(makers);
            var failures = new Exception?[makers];
            var threads = Enumerable.Range(0, makers).Select(maker => new Thread(() =>
            {
                using var authority = CertificateAuthority.Create(_clock);
                together.SignalAndWait();
                failures[maker] = Record.Exception(() => authority.WriteTo(place));
            })).ToList();
            threads.ForEach(thread => thread.Start());
            threads.ForEach(thread => thread.Join());
            Assert.Single(failures, failure => failure is null);
            Assert.All(failures, failure => Assert.True(failure is null or RnnLmException, $"{failure}"));
            Assert.Equal(["ca.key", "ca.pem"], Names(place));
            CertificateAuthority.Load(place, _clock).Dispose();
        }
    }

    [Fact]
    public void An_authority_that_was_read_issues_for_the_same_cluster()
    {
        Make("one").Dispose();
        using var again = CertificateAuthority.Load(Ca, _clock);
        again.Issue(Identity("two")).WriteBeside(Ca, replace: false);
        using var one = NodeCertificates.Load(Ca, "one", _clock);
        using var two = NodeCertificates.Load(Ca, "two", _clock);
        Assert.Null(new MutualTls(one, _clock).WhyRefused(two.Certificate));
        Assert.Equal(("two", true, false), (two.Name, two.Certificate.HasPrivateKey, two.Authority.HasPrivateKey));
    }

    [Fact]
    public async Task A_process_hands_its_own_to_those_it_starts_in_a_directory_that_nobody_else_can_enter()
    {
        using var parent = NodeCertificates.CreateEphemeral(_clock);
        string directory = _directory["handed", "on"];
        Assert.Equal(
            ["node.key", "node.pem", "ca.pem"],
            parent.WriteTo(directory).Select(path => Path.GetRelativePath(directory, path)));
        Assert.Equal(["ca.pem", "node.key", "node.pem"], Names(directory));
        Assert.Equal(OwnerReadsAndWrites | UnixFileMode.UserExecute, File.GetUnixFileMode(directory));
        using var child = NodeCertificates.Load(directory, parent.Name, _clock);
        var (one, two) = (new MutualTls(parent, _clock), new MutualTls(child, _clock));
        (await Handshake.Between(one.ForServer(), two.ForClient())).Succeeded();
        (await Handshake.Between(two.ForServer(), one.ForClient())).Succeeded();
        Refuses(() => parent.WriteTo(directory), "is there already", "another directory");
    }

    [Theory]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherWrite | UnixFileMode.StickyBit)]
    public void No_key_is_written_where_others_can_put_files_in_its_place(UnixFileMode others)
    {
        Directory.CreateDirectory(Ca);
        File.SetUnixFileMode(Ca, File.GetUnixFileMode(Ca) | others);
        using var authority = CertificateAuthority.Create(_clock);
        using var node = authority.Issue(Identity("node"));
        Refuses(() => authority.WriteTo(Ca), $"others may write in '{Ca}'", $"chmod go-w '{Ca}'");
        Refuses(() => node.WriteBeside(Ca, replace: true), "others may write in");
        Refuses(() => node.WriteTo(Ca), "others may write in");
        Assert.Empty(Names(Ca));
    }

    [Fact]
    public void A_disk_that_does_not_take_them_is_named()
    {
        _directory.Write("file", "text");
        using var authority = CertificateAuthority.Create(_clock);
        var failure = Assert.Throws<RnnLmException>(() => authority.WriteTo(_directory["file"]));
        Assert.Equal(ExitCode.Storage, failure.ExitCode);
        Assert.Contains($"cannot create '{_directory["file"]}'", failure.Message, StringComparison.Ordinal);

        // Nothing takes the place of a directory.
        Directory.CreateDirectory(Path.Combine(Ca, "node.key"));
        using var node = authority.Issue(Identity("node"));
        failure = Assert.Throws<RnnLmException>(() => node.WriteBeside(Ca, replace: true));
        Assert.Equal(ExitCode.Storage, failure.ExitCode);
        Assert.Equal(["node.key"], Names(Ca));
    }

    [Theory]
    [InlineData("ca.pem")]
    [InlineData("node.pem")]
    [InlineData("node.key")]
    public void A_missing_file_is_named_with_where_to_get_it(string name)
    {
        Make("node");
        File.Delete(Path.Combine(Ca, name));
        RefusesToLoad(
            $"'{Path.Combine(Ca, name)}': no such file", "run rnnlm certificates --directory DIR --name node");
        Directory.CreateDirectory(Path.Combine(Ca, name));
        RefusesToLoad($"'{Path.Combine(Ca, name)}' is a folder");
    }

    [Theory]
    [InlineData("ca.pem", "has no certificate in PEM")]
    [InlineData("node.pem", "has no certificate in PEM")]
    [InlineData("node.key", "has no ECDSA private key in PEM")]
    public void A_file_of_something_else_is_named(string name, string said)
    {
        Make("node");
        foreach (string text in (string[])["", "text", "\0\u001b[31m", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
        {
            Write(name, text);
            RefusesToLoad($"'{Path.Combine(Ca, name)}' {said}");
        }

        Write(name, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        RefusesToLoad(Path.Combine(Ca, name));
        Write(name, new string(' ', 2_000_000));
        RefusesToLoad($"'{Path.Combine(Ca, name)}' is larger than");
    }

    [Fact]
    public void A_key_in_another_form_is_refused()
    {
        Make("node");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var rsa = RSA.Create(2048);
        var cipher = new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1);
        foreach (string text in (string[])
        [
            key.ExportSubjectPublicKeyInfoPem(),
            key.ExportEncryptedPkcs8PrivateKeyPem("password", cipher),
            rsa.ExportPkcs8PrivateKeyPem(),
            rsa.ExportRSAPrivateKeyPem(),
        ])
        {
            Write("node.key", text);
            RefusesToLoad("node.key' has no ECDSA private key in PEM without a password");
        }
    }

    [Fact]
    public void Files_of_different_origin_are_refused()
    {
        using var authority = Make("node");
        string good = Text("node.key");
        authority.Issue(Identity("other")).WriteBeside(Ca, replace: false);
        Write("node.key", Text("other.key"));
        RefusesToLoad($"'{Path.Combine(Ca, "node.key")}' is not the key of '{Path.Combine(Ca, "node.pem")}'");

        Write("node.key", good);
        using var stranger = CertificateAuthority.Create(_clock);
        Write("ca.pem", stranger.Certificate.ExportCertificatePem());
        RefusesToLoad("node.pem' was not issued by this cluster's CA", stranger.Certificate.Subject);

        Write(
            "ca.pem",
            $"{stranger.Certificate.ExportCertificatePem()}\n{authority.Certificate.ExportCertificatePem()}");
        RefusesToLoad("ca.pem' has 2 certificates");
    }

    [Fact]
    public void The_authority_is_no_node_also_on_its_own_disk()
    {
        Make("node");
        var failure = Assert.Throws<RnnLmException>(() => NodeCertificates.Load(Ca, "ca", _clock));
        Assert.Contains("was not issued by", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_valid_now_is_refused()
    {
        Make("node");
        var issued = _clock.Now;
        _clock.Now = issued.AddDays(366);
        RefusesToLoad(
            "node.pem' expired on 2053-02-28 02:59:30 UTC and the clock says 2053-03-01 02:59:30 UTC", "--force");
        _clock.Now = issued.AddMinutes(-6);
        RefusesToLoad(
            "node.pem' is not valid before 2052-02-29 02:54:30 UTC and the clock says 2052-02-29 02:53:30 UTC");
        Refuses(() => CertificateAuthority.Load(Ca, _clock), "ca.pem' is not valid before");
        _clock.Now = issued.AddDays(3651);
        Refuses(() => CertificateAuthority.Load(Ca, _clock), "ca.pem' expired on 2062-02-26", "make a new CA");
        _clock.Now = issued;
        NodeCertificates.Load(Ca, "node", _clock).Dispose();
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead, "0640")]
    [InlineData(UnixFileMode.GroupWrite, "0620")]
    [InlineData(UnixFileMode.OtherRead, "0604")]
    [InlineData(UnixFileMode.OtherWrite | UnixFileMode.OtherExecute, "0603")]
    public void A_key_that_others_can_use_is_refused_with_the_command_that_mends_it(UnixFileMode others, string mode)
    {
        Make("node");
        foreach (string name in (string[])["node.key", "ca.key"])
        {
            string path = Path.Combine(Ca, name);
            File.SetUnixFileMode(path, OwnerReadsAndWrites | others);
            Refuses(
                () => (name == "ca.key" ? (IDisposable)CertificateAuthority.Load(Ca, _clock) : Load()).Dispose(),
                $"'{path}' is a private key that others may use (mode {mode}); run: chmod 600 '{path}'");
            File.SetUnixFileMode(path, UnixFileMode.UserRead);
        }

        Load().Dispose();
        CertificateAuthority.Load(Ca, _clock).Dispose();
    }

    [Fact]
    public void An_authority_without_its_other_file_or_with_anothers_issues_nothing()
    {
        using var authority = Make("node");
        string key = Text("ca.key");
        File.Delete(Path.Combine(Ca, "ca.key"));
        Assert.True(CertificateAuthority.IsIn(Ca));
        Refuses(() => CertificateAuthority.Load(Ca, _clock), "ca.key': no such file", "restore both files of the CA");
        Write("ca.key", Text("node.key"));
        File.SetUnixFileMode(Path.Combine(Ca, "ca.key"), OwnerReadsAndWrites);
        Refuses(() => CertificateAuthority.Load(Ca, _clock), "ca.key' is not the key of");
        Write("ca.pem", Text("node.pem"));
        Refuses(() => CertificateAuthority.Load(Ca, _clock), "ca.pem' is no certificate of a CA");
        Write("ca.key", key);
        File.Delete(Path.Combine(Ca, "ca.pem"));
        Assert.True(CertificateAuthority.IsIn(Ca));
        Refuses(() => CertificateAuthority.Load(Ca, _clock), "ca.pem': no such file");
        Assert.False(CertificateAuthority.IsIn(_directory["elsewhere"]));
    }

    [Fact]
    public void Spoilt_files_are_read_or_refused()
    {
        Make("node");
        string[] names = ["ca.pem", "node.pem", "node.key", "ca.key"];
        var good = names.ToDictionary(name => name, name => File.ReadAllBytes(Path.Combine(Ca, name)));
        for (int seed = 0; seed < 400; seed++)
        {
            var mutation = new Mutation(seed);
            string name = mutation.Pick(names);
            File.WriteAllBytes(Path.Combine(Ca, name), mutation.Of(good[name]));
            foreach (var read in (Func<IDisposable>[])[Load, () => CertificateAuthority.Load(Ca, _clock)])
            {
                if (Record.Exception(() => read().Dispose()) is { } failure)
                {
                    Assert.True(failure is RnnLmException { ExitCode: ExitCode.BadInput }, $"seed {seed}: {failure}");
                }
            }

            File.WriteAllBytes(Path.Combine(Ca, name), good[name]);
        }
    }

    [Theory]
    [InlineData("node", true)]
    [InlineData("worker-1.rack_2", true)]
    [InlineData("0", true)]
    [InlineData("cab", true)]
    [InlineData("ca", false)]
    [InlineData("CA", false)]
    [InlineData("", false)]
    [InlineData(".hidden", false)]
    [InlineData("-option", false)]
    [InlineData("..", false)]
    [InlineData("a/b", false)]
    [InlineData("a b", false)]
    [InlineData("a,O=rnnlm", false)]
    [InlineData("é", false)]
    [InlineData("a\n", false)]
    public void Names_of_nodes(string name, bool isOne) =>
        Assert.Equal(isOne, Record.Exception(() => NodeIdentity.ReadName(name)) is not FormatException);

    [Fact]
    public void Names_of_nodes_are_not_too_long()
    {
        Assert.Equal(64, NodeIdentity.ReadName(new string('a', 64)).Length);
        Assert.Throws<FormatException>(() => NodeIdentity.ReadName(new string('a', 65)));
    }

    [Theory]
    [InlineData("localhost", "localhost")]
    [InlineData("a-b.example.com", "a-b.example.com")]
    [InlineData("10.0.0.1", "10.0.0.1")]
    [InlineData("0:0:0:0:0:0:0:1", "::1")]
    [InlineData("[::1]", "::1")]
    [InlineData("fe80::1%eth0", null)]
    [InlineData("10.0.1", null)]
    [InlineData("7", null)]
    [InlineData("", null)]
    [InlineData("a b", null)]
    [InlineData("http://a", null)]
    [InlineData("a:80", null)]
    [InlineData("é.example", null)]
    public void Hosts(string text, string? expected)
    {
        string? read = null;
        var failure = Record.Exception(() => read = NodeIdentity.ReadHost(text));
        Assert.Equal(expected, read);
        Assert.Equal(expected is null, failure is FormatException);
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>A new authority with one node, on disk.</summary>
    private CertificateAuthority Make(string node, params string[] hosts)
    {
        var authority = CertificateAuthority.Create(_clock);
        authority.WriteTo(Ca);
        authority.Issue(new NodeIdentity(node, hosts.Length > 0 ? hosts : NodeIdentity.Loopback))
            .WriteBeside(Ca, replace: false);
        return authority;
    }

    private static NodeIdentity Identity(string name) => new(name, NodeIdentity.Loopback);

    private NodeCertificates Load() => NodeCertificates.Load(Ca, "node", _clock);

    private (int ExitCode, string Said) Verify(string node, params string[] options) => OpenSsl.Run(
        [
            "verify", "-x509_strict", "-attime", $"{_clock.Now.ToUnixTimeSeconds()}", .. options,
            "-CAfile", Path.Combine(Ca, "ca.pem"), Path.Combine(Ca, $"{node}.pem"),
        ]);

    private void RefusesToLoad(params string[] said) => Refuses(() => Load().Dispose(), said);

    private static void Refuses(Action action, params string[] said)
    {
        var failure = Assert.Throws<RnnLmException>(action);
        Assert.Equal(ExitCode.BadInput, failure.ExitCode);
        Assert.All(said, text => Assert.Contains(text, failure.Message, StringComparison.Ordinal));
    }

    private static IEnumerable<string?> Names(string directory) =>
        Directory.GetFileSystemEntries(directory).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private string Text(string name) => File.ReadAllText(Path.Combine(Ca, name));

    /// <summary>Writes over what is there, whose mode stays.</summary>
    private void Write(string name, string text) => File.WriteAllText(Path.Combine(Ca, name), text);

    private Dictionary<string, string> Texts() => Directory.GetFiles(Ca).Order(StringComparer.Ordinal)
        .ToDictionary(path => Path.GetFileName(path), File.ReadAllText);

    private static long Seconds(DateTime time) => new DateTimeOffset(time).ToUnixTimeSeconds();
}
