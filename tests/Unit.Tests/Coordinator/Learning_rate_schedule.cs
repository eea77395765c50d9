namespace RnnLm.Tests;

public sealed class Learning_rate_schedule
{
    [Fact]
    public void Warm_up_grows_linearly_to_the_peak_and_a_constant_schedule_stays_there()
    {
        var schedule = new LearningRateSchedule(ScheduleKind.Constant, WarmupSteps: 4, TotalSteps: 0);
        Assert.Equal([0.25, 0.5, 0.75, 1, 1, 1], Enumerable.Range(0, 6).Select(step => schedule.Factor(step)));
    }

    [Fact]
    public void A_cosine_goes_from_the_peak_through_its_middle_to_a_tenth()
    {
        var schedule = new LearningRateSchedule(ScheduleKind.Cosine, WarmupSteps: 10, TotalSteps: 110);
        Assert.Equal(1, schedule.Factor(10), 12);
        Assert.Equal(0.55, schedule.Factor(60), 12);
        Assert.Equal(0.1, schedule.Factor(110), 12);
        Assert.Equal(0.1, schedule.Factor(10_000), 12);
    }
}
