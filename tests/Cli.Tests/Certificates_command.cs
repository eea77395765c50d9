using System.Runtime.Versioning;
using System.Security.Cryptography.X509Certificates;
using RnnLm.Tests;

namespace RnnLm.Cli.Tests;

[SupportedOSPlatform("linux")]
public sealed class Certificates_command : IDisposable
{
    private const int Usage = 2;
    private const int BadInput = 3;
    private const int Storage = 6;
    private const UnixFileMode OwnerReadsAndWrites = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Makes_an_authority_and_a_node_and_says_a_line_a_file_and_what_goes_where()
    {
        var lines = Run().Succeeded().Lines;
        Assert.Equal(["pki", "pki/ca.key", "pki/ca.pem", "pki/node.key", "pki/node.pem"], _directory.Everything);
        Assert.Equal(5, lines.Count);
        Assert.Equal($"{Path("ca.key")}: the CA's key; it stays here", lines[0]);
        Assert.Matches(
            $"^{Path("ca.pem")}: certificate of CN=rnnlm cluster CA [0-9a-f]{{16}}, valid until {Date("ca")}$",
            lines[1]);
        Assert.Equal($"{Path("node.key")}: the key of node", lines[2]);
        Assert.Matches(
            $"^{Path("node.pem")}: certificate of node \\(localhost, 127.0.0.1, ::1(, [^,]+)?\\), " +
            $"valid until {Date("node")}$",
            lines[3]);
        Assert.StartsWith("copy ca.pem, node.pem and node.key into ", lines[4], StringComparison.Ordinal);
        Assert.All(
            (string[])["ca.key", "node.key"],
            key => Assert.Equal(OwnerReadsAndWrites, File.GetUnixFileMode(Path(key))));
    }

    [Fact]
    public void Issues_more_nodes_of_the_same_authority()
    {
        Run().Succeeded();
        byte[] authority = File.ReadAllBytes(Path("ca.pem"));
        var lines = Run("--name", "w1", "--host", "gpu.example", "10.0.0.7", "--host", "::1", "--days", "30")
            .Succeeded().Lines;
        Assert.Equal(3, lines.Count);
        Assert.Equal($"{Path("w1.key")}: the key of w1", lines[0]);
        Assert.Equal(
            $"{Path("w1.pem")}: certificate of w1 (gpu.example, 10.0.0.7, ::1), valid until {Date("w1")}", lines[1]);
        Assert.Equal(authority, File.ReadAllBytes(Path("ca.pem")));
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(Path("w1.pem"));
        var span = certificate.NotAfter - certificate.NotBefore;
        Assert.InRange(span, TimeSpan.FromDays(30), TimeSpan.FromDays(30) + TimeSpan.FromMinutes(6));
    }

    [OpenSslFact]
    public void OpenSsl_verifies_what_it_makes()
    {
        Run().Succeeded();
        Run("--name", "w1", "--host", "gpu.example", "--days", "3650").Succeeded();
        foreach (string node in (string[])["node", "w1"])
        {
            foreach (string purpose in (string[])["sslserver", "sslclient"])
            {
                var (code, said) = OpenSsl.Run(
                    "verify", "-x509_strict", "-purpose", purpose, "-CAfile", Path("ca.pem"), Path($"{node}.pem"));
                Assert.True(code == 0, said);
            }
        }

        Assert.Equal(0, OpenSsl.Run(
            "verify", "-verify_hostname", "gpu.example", "-CAfile", Path("ca.pem"), Path("w1.pem")).ExitCode);
    }

    [Fact]
    public void A_node_is_replaced_only_with_force_and_the_authority_never()
    {
        Run().Succeeded();
        var before = Contents();
        Run().Refused(BadInput, Path("node.key"), "is there already", "--force", "--name");
        Assert.Equal(before, Contents());
        Run("--force").Succeeded();
        var after = Contents();
        Assert.Equal([before[0], before[1]], [after[0], after[1]]);
        Assert.NotEqual(before[2], after[2]);
        Assert.NotEqual(before[3], after[3]);
    }

    [Fact]
    public void An_authority_that_cannot_be_used_issues_nothing()
    {
        Run().Succeeded();
        File.SetUnixFileMode(Path("ca.key"), OwnerReadsAndWrites | UnixFileMode.OtherRead);
        Run("--name", "w1").Refused(BadInput, "(mode 0604)", $"chmod 600 '{Path("ca.key")}'");
        File.SetUnixFileMode(Path("ca.key"), OwnerReadsAndWrites);
        File.WriteAllText(Path("ca.key"), "a\nkey");
        Run("--name", "w1").Refused(BadInput, Path("ca.key"), "no ECDSA private key", "make a new CA");
        File.Delete(Path("ca.key"));
        Run("--name", "w1", "--force").Refused(BadInput, Path("ca.key"), "no such file", "restore both files");
        Assert.Equal(["pki", "pki/ca.pem", "pki/node.key", "pki/node.pem"], _directory.Everything);
    }

    [Fact]
    public void A_directory_that_others_may_write_in_gets_no_keys()
    {
        Directory.CreateDirectory(Path(""));
        File.SetUnixFileMode(Path(""), File.GetUnixFileMode(Path("")) | UnixFileMode.OtherWrite);
        Run().Refused(BadInput, "others may write in", "chmod go-w");
        Assert.Equal(["pki"], _directory.Everything);
    }

    [Fact]
    public void A_place_that_is_no_directory()
    {
        _directory.Write("pki", "a file");
        Run().Refused(Storage, $"'{Path("").TrimEnd('/')}'");
        Assert.Equal(["pki"], _directory.Everything);
    }

    [Theory]
    [InlineData("--name ca", "--name ca", "'ca' is taken")]
    [InlineData("--name ../w", "--name ../w", "letters, digits")]
    [InlineData("--name -w", "--name")]
    [InlineData("--host a:1", "--host a:1", "DNS name in ASCII or an IP address")]
    [InlineData("--host a b/c", "--host b/c", "DNS name in ASCII or an IP address")]
    [InlineData("--host fe80::1%eth0", "--host fe80::1%eth0", "leave out the interface")]
    [InlineData("--days 0", "--days 0", "1 or more")]
    [InlineData("--days 3651", "--days 3651", "at most 3650")]
    [InlineData("--dayz 1", "--dayz", "rnnlm certificates --help")]
    public void Options_that_cannot_be_used(string options, params string[] said)
    {
        Run(options.Split(' ')).Refused(Usage, said);
        Assert.Empty(_directory.Everything);
    }

    [Fact]
    public void No_directory()
    {
        RnnLmProcess.Run(_directory, "certificates").Refused(Usage, "--directory", "rnnlm certificates --help");
        RnnLmProcess.Run(_directory, "certificates", "--directory", "").Refused(Usage, "--directory", "empty");
    }

    public void Dispose() => _directory.Dispose();

    private ProcessResult Run(params string[] options) =>
        RnnLmProcess.Run(_directory, ["certificates", "--directory", "pki", .. options]);

    private string Path(string name) => System.IO.Path.Combine(_directory.Root, "pki", name);

    /// <summary>What the authority's files hold and what the node's do, each in the order of their names.</summary>
    private List<string> Contents() => [.. _directory.Everything.Skip(1)
        .Select(name => File.ReadAllText(System.IO.Path.Combine(_directory.Root, name)))];

    /// <summary>The day on which a certificate ends.</summary>
    private string Date(string name)
    {
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(Path($"{name}.pem"));
        return $"{certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}";
    }
}
