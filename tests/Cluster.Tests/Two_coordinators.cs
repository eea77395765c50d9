namespace RnnLm.Cluster.Tests;

/// <summary>A majority of two is two, so when one is lost the address decides.</summary>
[Collection(JobClusters.Name)]
public sealed class Two_coordinators : IDisposable
{
    private readonly JobCluster _cluster = new(coordinators: 2, "--profile", "fast");
    private readonly ClusterJob _job = new("job");

    [Fact]
    public void The_one_with_the_lower_address_goes_on_when_the_other_is_lost()
    {
        var (lower, higher) = Begin();
        higher.Kill();
        if (_cluster.Holder(_job) == higher)
        {
            _cluster.WaitForOtherHolder(_job, higher);
        }

        _cluster.WaitForSteps(_job, 100);
        Assert.False(lower.HasEnded);
        End();
    }

    [Fact]
    public void The_other_ends_and_says_so_and_the_job_goes_on_when_both_are_started_again()
    {
        var (lower, higher) = Begin();
        lower.Kill();
        Assert.Equal(4, higher.WaitForEnd());
        Assert.Contains("is out", Assert.Single(higher.Errors), StringComparison.Ordinal);
        StartBoth();
        _cluster.WaitForSteps(_job, 20);
        End();
    }

    public void Dispose() => _cluster.Dispose();

    private (ClusterProcess Lower, ClusterProcess Higher) Begin()
    {
        _cluster.Submit(_job);
        StartBoth();
        _cluster.StartWorker("worker");
        _cluster.WaitForSteps(_job, 20);
        int lower = _cluster.PortOf(0) < _cluster.PortOf(1) ? 0 : 1;
        return (_cluster.Coordinators[lower]!, _cluster.Coordinators[1 - lower]!);
    }

    /// <summary>As one that starts them again and again, with the same words.</summary>
    private void StartBoth()
    {
        int[] both = [0, 1];
        ClusterProcess[] started = [.. both.Select(index => _cluster.StartCoordinator(index, seeds: both))];
        Array.ForEach(started, coordinator => coordinator.WaitFor("is in the cluster"));
    }

    private void End()
    {
        _cluster.Cancel(_job);
        _cluster.RequireSameAsTrain(_job);
    }
}
