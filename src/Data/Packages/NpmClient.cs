using System.ComponentModel;
using System.Diagnostics;

namespace RnnLm.Data;

/// <summary>Fetches a package with the npm client, so that the user's registry, proxy and credentials apply.</summary>
internal sealed class NpmClient(string executable)
{
    // The first since npm 10, the second before.
    private static readonly string[] Prefixes = ["npm error", "npm ERR!"];
    private static readonly TimeSpan MostTime = TimeSpan.FromMinutes(10);

    /// <summary>Puts the package's tarball into <paramref name="directory"/> and returns its path.</summary>
    /// <exception cref="RnnLmException">Bad input: npm is missing or cannot fetch the package.</exception>
    public string Pack(NpmPackage package, string directory)
    {
        var start = new ProcessStartInfo(executable, ["pack", package.ToString(), "--ignore-scripts", "--loglevel=error"])
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        using Process npm = Start(start, package);
        npm.StandardInput.Close();
        Task<string> output = npm.StandardOutput.ReadToEndAsync();
        Task<string> errors = npm.StandardError.ReadToEndAsync();
        if (!npm.WaitForExit(MostTime))
        {
            npm.Kill(entireProcessTree: true);
            throw Failed(package, $"npm did not answer within {MostTime.TotalMinutes:0} minutes");
        }

        _ = output.GetAwaiter().GetResult();
        string complaint = errors.GetAwaiter().GetResult();
        string? tarball = Directory.EnumerateFiles(directory, "*.tgz").FirstOrDefault();
        return npm.ExitCode == 0 && tarball is not null ? tarball : throw Failed(package, Reason(complaint));
    }

    private static Process Start(ProcessStartInfo start, NpmPackage package)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception failure)
        {
            throw RnnLmException.BadInput(
                $"{package}: npm is needed to fetch it and cannot be started ({failure.Message}); install npm, or give files of your own", failure);
        }
    }

    private static RnnLmException Failed(NpmPackage package, string reason) => RnnLmException.BadInput(
        $"{package}: npm cannot fetch it ({reason}); check the network and 'npm config get registry', or give files of your own");

    /// <summary>The first line in which npm says something, without its prefix.</summary>
    private static string Reason(string complaint)
    {
        string[] lines = complaint.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string[] reasons = [.. lines.SelectMany(line => Prefixes.Where(prefix => line.StartsWith(prefix, StringComparison.Ordinal)).Select(prefix => line[prefix.Length..].Trim()))];
        return reasons.FirstOrDefault(line => line.Length > 0 && !line.StartsWith("code ", StringComparison.Ordinal)) ?? lines.FirstOrDefault() ?? "it gave no reason";
    }
}
