using System.Text.Json;

namespace RnnLm.Tests;

/// <summary>A profile, as a viewer reads it.</summary>
internal sealed class ProfileFile
{
    private ProfileFile(JsonElement root) =>
        Events = [.. root.EnumerateArray().Select(line => new ProfileEvent(
            line.GetProperty("name").GetString()!,
            line.GetProperty("ph").GetString()!,
            line.GetProperty("pid").GetInt32(),
            line.TryGetProperty("tid", out var thread) ? thread.GetInt32() : null,
            line.GetProperty("ts").GetDecimal(),
            line.TryGetProperty("dur", out var duration) ? duration.GetDecimal() : 0,
            line.TryGetProperty("args", out var arguments) ? arguments : null))];

    public IReadOnlyList<ProfileEvent> Events { get; }

    /// <summary>What threads did.</summary>
    public IReadOnlyList<ProfileEvent> Work => [.. Events.Where(it => it.Phase == "X")];

    /// <summary>Threads by their names.</summary>
    public ILookup<string, int> Threads => Events
        .Where(it => it is { Phase: "M", Name: "thread_name" })
        .ToLookup(it => it.Arguments!.Value.GetProperty("name").GetString()!, it => it.Thread!.Value);

    public static ProfileFile Parse(ReadOnlySpan<byte> json) => new(JsonElement.Parse(json));

    /// <summary>
    /// Requires what makes a picture of it: events of this process, of threads that have one name each, of which no two
    /// overlap in part.
    /// </summary>
    public void RequireSound()
    {
        Assert.Single(Events.Select(it => it.Process).Distinct());
        Assert.Single(Events, it => it is { Phase: "M", Name: "process_name" });
        var named = Threads.SelectMany(threads => threads).ToArray();
        Assert.Distinct(named);
        Assert.Subset(named.ToHashSet(), Work.Select(it => it.Thread!.Value).ToHashSet());
        Assert.All(Events, it => Assert.True(it.Begin >= 0 && it.Duration >= 0, $"{it}"));
        foreach (var thread in Work.GroupBy(it => it.Thread))
        {
            var open = new Stack<ProfileEvent>();
            foreach (var it in thread.OrderBy(it => it.Begin).ThenByDescending(it => it.Duration))
            {
                while (open.TryPeek(out var last) && last.End <= it.Begin)
                {
                    open.Pop();
                }

                Assert.True(!open.TryPeek(out var around) || it.End <= around.End, $"{it} leaves {around}");
                open.Push(it);
            }
        }
    }
}

/// <summary>An event; times are in microseconds.</summary>
internal sealed record ProfileEvent(
    string Name, string Phase, int Process, int? Thread, decimal Begin, decimal Duration, JsonElement? Arguments)
{
    public decimal End => Begin + Duration;

    /// <summary>Of the parameters that it is about.</summary>
    public long? Version => Arguments is { } arguments && arguments.TryGetProperty("version", out var version)
        ? version.GetInt64()
        : null;
}
