using System.ComponentModel;
using System.Diagnostics;

namespace RnnLm.Tests;

/// <summary>A test that asks <c>openssl</c>; skipped where it is not installed.</summary>
internal sealed class OpenSslFactAttribute : FactAttribute
{
    private static readonly string? s_whyNot = WhyNot();

    public OpenSslFactAttribute() => Skip = s_whyNot;

    private static string? WhyNot()
    {
        try
        {
            OpenSsl.Run("version");
            return null;
        }
        catch (Win32Exception failure)
        {
            return $"openssl cannot be started ({failure.Message})";
        }
    }
}

/// <summary>The command of another implementation of X.509.</summary>
internal static class OpenSsl
{
    /// <summary>Its exit code and all that it said.</summary>
    public static (int ExitCode, string Said) Run(params IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("openssl", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
