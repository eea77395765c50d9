namespace RnnLm.Tests;

/// <summary>A test of what only Linux has; skipped elsewhere.</summary>
internal sealed class LinuxFactAttribute : FactAttribute
{
    public LinuxFactAttribute() =>
        Skip = OperatingSystem.IsLinux() ? null : "only Linux has what this needs";
}
