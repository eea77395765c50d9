namespace RnnLm.Tests;

public sealed class What_a_profile_says
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);
    private readonly MemoryStream _file = new();
    private readonly Clock _clock = new();

    [Fact]
    public void Who_did_what_from_when_to_when()
    {
        using var profiler = new Profiler(_file, "a \"process\"", _clock);
        _clock.Microseconds = 7;
        Run("first", () =>
        {
            using var outer = profiler.Begin("outer", 12);
            _clock.Microseconds = 9;
            using (profiler.Begin("inner"))
            {
                _clock.Microseconds = 9.5m;
            }

            _clock.Microseconds = 11;
        });
        Run("second", () =>
        {
            using var later = profiler.Begin("later");
            _clock.Microseconds = 20;
        });
        profiler.Count("speed", 2.5);
        profiler.Count("speed", double.PositiveInfinity);
        profiler.Dispose();

        var profile = Profile();
        profile.RequireSound();
        Assert.Null(profiler.WhyIncomplete);
        Assert.Equal(
            "a \"process\"",
            profile.Events.Single(it => it.Name == "process_name").Arguments!.Value.GetProperty("name").GetString());
        int first = Assert.Single(profile.Threads["first"]);
        int second = Assert.Single(profile.Threads["second"]);
        Assert.Equal(
            [("inner", first, 9, 0.5m, null), ("outer", first, 7, 4, 12), ("later", second, 11, 9, null)],
            profile.Work.Select(it => (it.Name, it.Thread!.Value, it.Begin, it.Duration, it.Version)));
        var speed = Assert.Single(profile.Events, it => it.Phase == "C");
        Assert.Equal((20, 2.5), (speed.Begin, speed.Arguments!.Value.GetProperty("speed").GetDouble()));
    }

    [Fact]
    public void What_ends_by_an_exception_has_its_length_too()
    {
        using var profiler = new Profiler(_file, "process", _clock);
        Assert.Throws<InvalidOperationException>((Action)(() =>
        {
            using var work = profiler.Begin("fails");
            _clock.Microseconds = 3;
            throw new InvalidOperationException();
        }));
        profiler.Dispose();
        Assert.Equal(3, Assert.Single(Profile().Work).Duration);
    }

    [Fact]
    public void No_more_than_it_may_hold_and_how_much_is_missing()
    {
        using var profiler = new Profiler(_file, "process", _clock, mostEvents: 5);
        for (int number = 0; number < 12; number++)
        {
            profiler.Begin($"work {number}").Dispose();
        }

        profiler.Dispose();
        Assert.Equal(Enumerable.Range(0, 5).Select(number => $"work {number}"), Profile().Work.Select(it => it.Name));
        Assert.Contains("7 events are missing", profiler.WhyIncomplete, StringComparison.Ordinal);
        Assert.Equal(profiler.WhyIncomplete, Profile().Events[^1].Name);
    }

    [Fact]
    public void Nothing_after_its_end()
    {
        var profiler = new Profiler(_file, "process", _clock);
        var open = profiler.Begin("open");
        profiler.Dispose();
        open.Dispose();
        profiler.Count("speed", 1);
        profiler.Dispose();
        Assert.Null(profiler.WhyIncomplete);
        Assert.Single(Profile().Events);
    }

    [Fact]
    public void Everything_that_many_threads_do()
    {
        using var profiler = new Profiler(_file, "process", TimeProvider.System);
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(thread => new Thread(() =>
        {
            for (int number = 0; number < 500; number++)
            {
                using var outer = profiler.Begin($"outer {number}", thread);
                using var inner = profiler.Begin($"inner {number}", thread);
            }
        })
        { Name = $"thread/{thread}" })];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        profiler.Dispose();
        var profile = Profile();
        profile.RequireSound();
        Assert.Equal(4, profile.Threads.Count);
        Assert.All(
            Enumerable.Range(0, 4),
            thread => Assert.Equal(
                Enumerable.Range(0, 500).SelectMany(number => new[] { $"inner {number}", $"outer {number}" }),
                profile.Work.Where(it => it.Version == thread).Select(it => it.Name)));
    }

    /// <summary>What a killed process leaves: all there was is in it, and it lacks the last bracket.</summary>
    [Fact]
    public void Whole_events_before_its_end()
    {
        using var file = new WatchedStream();
        using var profiler = new Profiler(file, "process", _clock);
        for (int number = 0; file.Written.Length < 300; number++)
        {
            profiler.Begin($"work {number}").Dispose();
            file.WaitForMore(Deadline);
        }

        var profile = ProfileFile.Parse([.. file.Written, .. "]"u8]);
        profile.RequireSound();
        Assert.Equal("work 0", profile.Work[0].Name);
        profiler.Dispose();
        Assert.DoesNotContain(file.Written, value => value == 0);
        ProfileFile.Parse(file.Written).RequireSound();
    }

    [Fact]
    public void That_a_disk_fails_harms_nobody()
    {
        using var profiler = new Profiler(new FullStream(), "process", _clock);
        profiler.Begin("work").Dispose();
        profiler.Dispose();
        Assert.Contains("no space", profiler.WhyIncomplete, StringComparison.Ordinal);
    }

    private static void Run(string name, Action work)
    {
        var thread = new Thread(() => work()) { Name = name };
        thread.Start();
        thread.Join();
    }

    private ProfileFile Profile() => ProfileFile.Parse(_file.ToArray());

    private sealed class Clock : TimeProvider
    {
        public decimal Microseconds { get; set; }

        public override long TimestampFrequency => 10_000_000;

        public override long GetTimestamp() => (long)(Microseconds * 10);
    }

    /// <summary>Says when something was written.</summary>
    private sealed class WatchedStream : MemoryStream
    {
        private readonly SemaphoreSlim _writes = new(0);
        private readonly Lock _gate = new();

        public byte[] Written
        {
            get
            {
                lock (_gate)
                {
                    return ToArray();
                }
            }
        }

        public void WaitForMore(TimeSpan deadline) => Assert.True(_writes.Wait(deadline));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            lock (_gate)
            {
                base.Write(buffer);
            }

            if (buffer.Length > 0)
            {
                _writes.Release();
            }
        }
    }

    private sealed class FullStream : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("no space left");
    }
}
