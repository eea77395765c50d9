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

    /// <summary>Three steps an epoch, two epochs at the full rate, then half of it, a quarter, and so on.</summary>
    [Fact]
    public void An_epoch_decay_multiplies_the_rate_once_for_each_further_epoch()
    {
        var schedule = new LearningRateSchedule(
            ScheduleKind.EpochDecay, WarmupSteps: 1, TotalSteps: 0, Decay: 0.5, DecayAfter: 2, StepsPerEpoch: 3);
        Assert.Equal(
            [1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125],
            Enumerable.Range(0, 13).Select(step => schedule.Factor(step)));
        Assert.Equal(0.5, (schedule with { DecayAfter = 0 }).Factor(2));
    }

    [Fact]
    public void A_plateau_multiplies_the_rate_after_each_evaluation_that_is_not_below_the_best()
    {
        var schedule = new LearningRateSchedule(
            ScheduleKind.Plateau, WarmupSteps: 2, TotalSteps: 0, Decay: 0.5, EvaluateEvery: 1);
        PlateauState? state = null;
        var factors = new List<double>();
        foreach (double loss in new[] { 3, 2, 2, 2.5, 1, double.NaN, double.PositiveInfinity, 1.5 })
        {
            state = schedule.Evaluated(state, loss);
            factors.Add(schedule.Factor(100, state));
        }

        Assert.Equal([1, 1, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125], factors);
        Assert.Equal(1, state!.BestLoss);
        Assert.Equal(0.0625, schedule.Factor(0, state));
        Assert.Null(schedule.Evaluated(null, double.NaN));
        Assert.Null((schedule with { Kind = ScheduleKind.Cosine }).Evaluated(null, 1));
    }
}
