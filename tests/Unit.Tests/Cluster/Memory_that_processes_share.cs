using System.IO.Pipes;
using System.Runtime.InteropServices;

namespace RnnLm.Tests;

/// <summary>
/// Here the other process is this one: it opens its own memory by the reference that it would send. Other tests open
/// files meanwhile, so that what was left open is counted by what it is.
/// </summary>
public sealed partial class Memory_that_processes_share
{
    private const int Length = 10_000;
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(20);

    [LinuxFact]
    public void What_is_written_is_read_through_a_second_mapping_and_nothing_is_left_open()
    {
        using var memory = Create();
        byte[] written = new byte[Length];
        new Random(1).NextBytes(written);
        using (var other = SharedMemory.TryOpen(memory.Reference, Length)!)
        {
            Assert.NotEqual(Address(memory), Address(other));
            written.CopyTo(memory.Bytes(0, Length));
            Assert.Equal(written, other.Bytes(0, Length).ToArray());
            Assert.Equal(written[77..177], other.Bytes(77, 100).ToArray());
            Assert.Equal(2, MappingsOf(memory.Reference.Name));
        }

        Assert.Equal(1, DescriptorsOf(memory.Reference.Name));
        Assert.Equal(1, MappingsOf(memory.Reference.Name));
        memory.Dispose();
        Assert.Equal(0, DescriptorsOf(memory.Reference.Name));
        Assert.Equal(0, MappingsOf(memory.Reference.Name));
        Assert.Throws<ObjectDisposedException>(() => Address(memory));
        Assert.Null(SharedMemory.TryOpen(memory.Reference, Length));
    }

    [LinuxFact]
    public void A_mapping_outlives_the_memory_of_the_process_that_made_it()
    {
        var memory = Create();
        memory.Bytes(0, 1)[0] = 42;
        using var other = SharedMemory.TryOpen(memory.Reference, Length)!;
        memory.Dispose();
        Assert.Equal(42, other.Bytes(0, 1)[0]);
    }

    [LinuxFact]
    public void No_reader_can_lose_what_it_has_mapped()
    {
        using var memory = Create();
        using var file = File.Open($"/proc/self/fd/{memory.Reference.File}", FileMode.Open, FileAccess.ReadWrite);
        Assert.ThrowsAny<Exception>(() => file.SetLength(1));
        Assert.ThrowsAny<Exception>(() => file.SetLength(2 * Length));
        Assert.Equal(Length, file.Length);
    }

    [LinuxFact]
    public void A_reference_to_anything_else_opens_nothing()
    {
        using var memory = Create();
        using var other = Create();
        string path = Path.GetTempFileName();
        using var file = File.OpenHandle(path);
        File.Delete(path);
        using var pipe = new AnonymousPipeServerStream();
        var good = memory.Reference;
        (string What, Wire.SharedMemory Reference)[] cases =
        [
            ("another name", new(good) { Name = other.Reference.Name }),
            ("a name of another program", new(good) { Name = "wayland-shm" }),
            ("no name", new(good) { Name = string.Empty }),
            ("a name that goes elsewhere", new(good) { Name = "rnnlm-/../../../etc/passwd" }),
            ("a name with a zero in it", new(good) { Name = $"{good.Name}\0" }),
            ("another host", new(good) { Host = $"{good.Host}x" }),
            ("no host", new(good) { Host = string.Empty }),
            ("another memory's descriptor", new(good) { File = other.Reference.File }),
            ("a descriptor that is not open", new(good) { File = 1 << 20 }),
            ("a negative descriptor", new(good) { File = -1 }),
            ("a regular file", new(good) { File = Descriptor(file) }),
            ("a pipe", new(good) { File = Descriptor(pipe.SafePipeHandle) }),
            ("another process", new(good) { Process = 1 }),
            ("no process", new(good) { Process = int.MaxValue }),
            ("process 0", new(good) { Process = 0 }),
            ("a negative process", new(good) { Process = -good.Process }),
            ("nothing at all", new()),
        ];
        foreach (var (what, reference) in cases)
        {
            Assert.True(TryOpen(reference, Length) is null, what);
        }

        foreach (long length in new[] { Length + 1, long.MaxValue, 0, -1, long.MinValue })
        {
            Assert.True(TryOpen(good, length) is null, $"{length} bytes");
        }

        Assert.Equal(1, DescriptorsOf(good.Name));
        Assert.Equal(1, DescriptorsOf(other.Reference.Name));
        Assert.Equal(1, DescriptorsOf(path));
        using var whole = TryOpen(good, Length);
        Assert.NotNull(whole);
    }

    [LinuxFact]
    public void Memory_that_its_process_could_cut_short_is_not_mapped()
    {
        const uint AllowSealing = 2;
        foreach (uint flags in new[] { 0u, AllowSealing })
        {
            using var memory = new Descriptors(MemfdCreate("rnnlm-unsealed", flags));
            Assert.Equal(0, Ftruncate(memory.Number, Length));
            Assert.Null(TryOpen(Reference(memory.Number, "rnnlm-unsealed"), Length));
            Assert.Equal(1, DescriptorsOf("rnnlm-unsealed"));
        }
    }

    /// <summary>Only who may write the root directory can make such a file, and such a test.</summary>
    [LinuxFact]
    public void A_file_that_has_the_name_of_memory_is_not_mapped()
    {
        string name = $"rnnlm-{Guid.NewGuid():N}";
        string path = $"/memfd:{name}";
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.CreateNew);
        }
        catch (Exception failure) when (failure is UnauthorizedAccessException or IOException)
        {
            return;
        }

        using (file)
        {
            File.Delete(path);
            file.SetLength(Length);
            int descriptor = Descriptor(file.SafeFileHandle);
            Assert.Equal($"/memfd:{name} (deleted)", new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget);
            Assert.Null(TryOpen(Reference(descriptor, name), Length));
        }
    }

    [LinuxFact]
    public void Floats_lie_in_memory_that_can_be_shared()
    {
        using var buffer = SharedMemory.Floats(100);
        buffer.Span.Fill(1.5f);
        var memory = Assert.IsType<SharedMemory>(buffer.Memory);
        using var other = TryOpen(memory.Reference, 400)!;
        Assert.All(MemoryMarshal.Cast<byte, float>(other.Bytes(0, 400)).ToArray(), value => Assert.Equal(1.5f, value));
        buffer.Dispose();
        Assert.Equal(0, DescriptorsOf(memory.Reference.Name));
        Assert.Equal(1, MappingsOf(memory.Reference.Name));
    }

    [LinuxFact]
    public void Returned_memory_is_used_again_for_about_as_many_bytes()
    {
        var pool = new SharedMemoryPool();
        var first = pool.TryRent(100_000)!;
        var second = pool.TryRent(100_000)!;
        Assert.NotSame(first, second);
        Assert.InRange(first.Length, 100_000, 120_000);
        pool.Return(first);
        Assert.Same(first, pool.TryRent(99_999));
        pool.Return(first);
        Assert.NotSame(first, pool.TryRent(10_000));
        Assert.Null(pool.TryRent((long)int.MaxValue + 1));

        pool.Dispose();
        Assert.Equal(0, DescriptorsOf(first.Reference.Name));
        Assert.Equal(1, DescriptorsOf(second.Reference.Name));
        pool.Return(second);
        Assert.Equal(0, DescriptorsOf(second.Reference.Name));
    }

    [LinuxFact]
    public void What_is_mapped_once_stays_mapped_until_nobody_uses_it()
    {
        var mappings = new SharedMemoryMappings();
        using var memory = Create();
        var first = mappings.TryOpen(memory.Reference, Length)!;
        var again = mappings.TryOpen(memory.Reference, Length - 4)!;
        Assert.Same(first, again);
        Assert.Null(mappings.TryOpen(memory.Reference, Length + 1));
        Assert.Null(mappings.TryOpen(new(memory.Reference) { Name = "rnnlm-other" }, Length));
        Assert.Equal(2, MappingsOf(memory.Reference.Name));
        mappings.Dispose();
        first.Dispose();
        Assert.Equal(2, MappingsOf(memory.Reference.Name));
        var floats = again.Floats(Length / 4);
        again.Return(floats);
        Assert.Equal(1, MappingsOf(memory.Reference.Name));
    }

    [LinuxFact]
    public void Only_so_many_memories_stay_mapped()
    {
        using var mappings = new SharedMemoryMappings();
        SharedMemory[] memories = [.. Enumerable.Range(0, 40).Select(_ => Create())];
        foreach (var memory in memories)
        {
            mappings.TryOpen(memory.Reference, Length)!.Dispose();
        }

        int mapped = memories.Sum(memory => MappingsOf(memory.Reference.Name));
        Assert.InRange(mapped, memories.Length + 1, memories.Length + 16);
        Array.ForEach(memories, memory => memory.Dispose());
    }

    /// <summary>None of what a reference names may keep whoever opens it waiting.</summary>
    private static SharedMemory? TryOpen(Wire.SharedMemory reference, long length)
    {
        var open = Task.Run(() => SharedMemory.TryOpen(reference, length));
        Assert.True(open.Wait(s_deadline), "it hangs");
        return open.Result;
    }

    private static SharedMemory Create()
    {
        var memory = SharedMemory.TryCreate(Length);
        Assert.NotNull(memory);
        return memory;
    }

    private static Wire.SharedMemory Reference(int descriptor, string name) => new()
    {
        Host = SharedMemory.Host,
        Process = Environment.ProcessId,
        File = descriptor,
        Name = name,
    };

    private static unsafe nint Address(SharedMemory memory) => (nint)memory.Address;

    private static int Descriptor(SafeHandle handle) => (int)handle.DangerousGetHandle();

    /// <summary>Descriptors of this process behind whose target is that name.</summary>
    private static int DescriptorsOf(string name) => Directory.GetFiles("/proc/self/fd")
        .Count(path => new FileInfo(path).LinkTarget?.Contains(name, StringComparison.Ordinal) == true);

    private static int MappingsOf(string name) =>
        File.ReadLines("/proc/self/maps").Count(line => line.Contains(name, StringComparison.Ordinal));

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemfdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    private static partial int Ftruncate(int descriptor, long length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    private sealed class Descriptors(int number) : IDisposable
    {
        public int Number { get; } = number;

        public void Dispose() => Assert.Equal(0, Close(Number));
    }
}
