namespace RnnLm.Tests;

public sealed class What_is_said_of_troubles
{
    private readonly Clock _clock = new(DateTimeOffset.UnixEpoch);
    private readonly List<string> _said = [];
    private readonly Troubles _troubles;

    public What_is_said_of_troubles() => _troubles = new Troubles(_said.Add, _clock);

    [Fact]
    public void Each_is_said_once_a_minute()
    {
        for (int second = 0; second < 121; second++)
        {
            _troubles.Say("one", $"one at {second}");
            _clock.Now += TimeSpan.FromSeconds(1);
        }

        Assert.Equal(["one at 0", "one at 60", "one at 120"], _said);
    }

    [Fact]
    public void However_many_there_are_the_log_does_not_fill()
    {
        for (int number = 0; number < 1_000; number++)
        {
            _troubles.Say($"{number}", "trouble");
        }

        Assert.Equal(16, _said.Count);
    }
}
