namespace RnnLm.Tests;

/// <summary>Checks on failures that a user sees.</summary>
internal static class Errors
{
    /// <summary>The action fails with this exit code and one line that has all these words.</summary>
    public static void Expect(ExitCode exitCode, Action action, params string[] words)
    {
        RnnLmException failure = Assert.Throws<RnnLmException>(action);
        Assert.Equal(exitCode, failure.ExitCode);
        Assert.DoesNotContain('\n', failure.Message);
        Assert.All(words, word => Assert.Contains(word, failure.Message, StringComparison.Ordinal));
    }
}
