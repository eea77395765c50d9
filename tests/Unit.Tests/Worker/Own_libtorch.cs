namespace RnnLm.Tests;

/// <summary>
/// LIBTORCH: what is refused before anything is loaded. That one of the right version is used takes a build without
/// one.
/// </summary>
public sealed class Own_libtorch
{
    [Theory]
    [InlineData("build-version", "2.7.1+cpu\n", "is libtorch 2.7.1+cpu; this program needs 2.10")]
    [InlineData("build-version", "2.100.0\n", "is libtorch 2.100.0; this program needs 2.10")]
    [InlineData(
        "version.py", "from x import y\n__version__ = '1.13.0'\n", "is libtorch 1.13.0; this program needs 2.10")]
    [InlineData("version.py", "2.10.0", "no libtorch of a known version is there")]
    [InlineData("LICENSE", "2.10.0", "no libtorch of a known version is there")]
    [InlineData("build-version", "2.10.0+cpu\n", "this build carries a libtorch of its own")]
    public void That_cannot_be_used_is_one_line(string file, string text, string expected)
    {
        using var directory = new TemporaryDirectory();
        directory.Write(file, System.Text.Encoding.UTF8.GetBytes(text));
        var refused = Assert.Throws<RnnLmException>(() => LibTorch.Preload(directory.Path));
        Assert.Equal(ExitCode.BadInput, refused.ExitCode);
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Contains(directory.Path, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void That_is_not_named_changes_nothing()
    {
        LibTorch.Preload(null);
        LibTorch.Preload("");
    }
}
