using System.Globalization;
using System.Runtime.InteropServices;

namespace RnnLm.Cluster;

/// <summary>
/// A memory file (memfd_create(2)) that processes of one host share: it has no name in any directory and is gone with
/// the last process that holds it. It is sealed, so that no reader can lose what it has mapped. Linux only.
/// </summary>
internal sealed unsafe partial class SharedMemory : IDisposable
{
    private const string NamePrefix = "rnnlm-";
    private const uint CloseOnExec = 1;
    private const uint AllowSealing = 2;
    private const int AddSeals = 1033;
    private const int GetSeals = 1034;
    private const int SealSeal = 1;
    private const int SealShrink = 2;
    private const int SealGrow = 4;
    private const int ProtectionRead = 1;
    private const int ProtectionWrite = 2;
    private const int MapShared = 1;
    private const int OpenReadOnlyNonBlocking = 0x80000 | 0x800;
    private const int SeekEnd = 2;
    private static readonly nint s_failed = -1;

    private nint _address;

    private SharedMemory(nint address, long length, int descriptor, string name)
    {
        (_address, Length) = (address, length);
        Reference = new Wire.SharedMemory
        {
            Host = Host,
            Process = Environment.ProcessId,
            File = descriptor,
            Name = name,
        };
        GC.AddMemoryPressure(length);
    }

    ~SharedMemory() => Free();

    /// <summary>What tells hosts apart whose processes can share memory: the boot, the process namespace, and the user.
    /// Empty where none can.</summary>
    public static string Host { get; } = HostIdentity();

    /// <summary>Address of the first byte, aligned to a page.</summary>
    public void* Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_address == 0, this);
            return (void*)_address;
        }
    }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>Some of the bytes.</summary>
    public Span<byte> Bytes(long offset, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + count, Length);
        return new Span<byte>((byte*)Address + offset, count);
    }

    /// <summary>Where another process of this host finds it.</summary>
    public Wire.SharedMemory Reference { get; }

    /// <summary>Takes memory to write; null where there is none to be had.</summary>
    public static SharedMemory? TryCreate(long length)
    {
        if (Host.Length == 0)
        {
            return null;
        }

        string name = $"{NamePrefix}{Guid.NewGuid():N}";
        int descriptor = MemfdCreate(name, CloseOnExec | AllowSealing);
        if (descriptor < 0)
        {
            return null;
        }

        nint address = s_failed;
        if (Ftruncate(descriptor, length) == 0 && Fcntl(descriptor, AddSeals, SealShrink | SealGrow | SealSeal) == 0)
        {
            address = Mmap(0, (nuint)length, ProtectionRead | ProtectionWrite, MapShared, descriptor, 0);
        }

        if (address != s_failed)
        {
            return new SharedMemory(address, length, descriptor, name);
        }

        _ = Close(descriptor);
        return null;
    }

    /// <summary>
    /// Maps another process's memory to read, at least so many bytes; null when it is not there, is too short, or is no
    /// sealed memory of this program. Nothing but such memory is opened, whatever the reference says.
    /// </summary>
    public static SharedMemory? TryOpen(Wire.SharedMemory reference, long length)
    {
        ArgumentNullException.ThrowIfNull(reference);
        if (Host.Length == 0 || reference.Host != Host || length <= 0 ||
            !reference.Name.StartsWith(NamePrefix, StringComparison.Ordinal))
        {
            return null;
        }

        string path = string.Create(
            CultureInfo.InvariantCulture, $"/proc/{reference.Process}/fd/{reference.File}");
        if (!IsMemory(path, reference.Name))
        {
            return null;
        }

        int descriptor = Open(path, OpenReadOnlyNonBlocking);
        if (descriptor < 0)
        {
            return null;
        }

        try
        {
            // -1 from what can have no seals has every bit set.
            bool isSealed = Fcntl(descriptor, GetSeals, 0) is > 0 and var seals && (seals & SealShrink) != 0;
            string own = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{descriptor}");
            long whole = Lseek(descriptor, 0, SeekEnd);
            if (!isSealed || !IsMemory(own, reference.Name) || whole < length)
            {
                return null;
            }

            // What is behind may be used the next time.
            long mapped = Math.Min(whole, 2 * length);
            nint address = Mmap(0, (nuint)mapped, ProtectionRead, MapShared, descriptor, 0);
            return address == s_failed ? null : new SharedMemory(address, mapped, -1, reference.Name);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>A buffer of floats in memory that processes of this host share, or else in memory of this one.
    /// </summary>
    public static FloatBuffer Floats(int length) => TryCreate(Math.Max(1L, length) * sizeof(float)) is { } memory
        ? new FloatBuffer((float*)memory.Address, length, memory)
        : new FloatBuffer(length);

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_address == 0)
        {
            return;
        }

        _ = Munmap(_address, (nuint)Length);
        _address = 0;
        if (Reference.File >= 0)
        {
            _ = Close(Reference.File);
        }

        GC.RemoveMemoryPressure(Length);
    }

    private static bool IsMemory(string path, string name)
    {
        try
        {
            return new FileInfo(path).LinkTarget == $"/memfd:{name} (deleted)";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string HostIdentity()
    {
        try
        {
            return OperatingSystem.IsLinux()
                ? $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} " +
                    $"{new FileInfo("/proc/self/ns/pid").LinkTarget} {Environment.UserName}"
                : string.Empty;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return string.Empty;
        }
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemfdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    private static partial int Ftruncate(int descriptor, long length);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Fcntl(int descriptor, int command, int argument);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Mmap(
        nint address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Munmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "lseek")]
    private static partial long Lseek(int descriptor, long offset, int whence);
}
