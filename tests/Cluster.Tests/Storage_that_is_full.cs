namespace RnnLm.Cluster.Tests;

/// <summary>The run storage is a file system of its own, of a few megabytes.</summary>
[Collection(JobClusters.Name)]
public sealed class Storage_that_is_full : IDisposable
{
    private const string Trial = "unshare --mount mount -t tmpfs none /mnt";

    private readonly JobCluster _cluster = new(coordinators: 1, "--profile", "fast");

    [RootFact(Trial)]
    public void On_the_way_costs_checkpoints_and_no_steps()
    {
        Mount();
        var job = new ClusterJob("job");
        _cluster.Submit(job);
        _cluster.StartCoordinators();
        _cluster.StartWorker("worker");
        _cluster.WaitForSteps(job, 20);
        var holder = _cluster.Holder(job);

        Fill();
        holder.WaitFor("job: warning: the checkpoint of step ");
        Assert.True(holder.Says("no space left on the device"));
        MakeRoom();
        _cluster.WaitForSteps(job, 20);
        _cluster.Cancel(job);
        _cluster.RequireSameAsTrain(job);
        Assert.Equal(1, holder.Count("job: taken"));
        _cluster.RequireQuiet();
    }

    [RootFact(Trial)]
    public void At_the_end_has_the_job_tried_again()
    {
        Mount();
        var job = new ClusterJob("job") { Steps = 60, CheckpointEvery = 0 };
        _cluster.Submit(job);
        _cluster.StartCoordinators();
        _cluster.WaitUntil("it is begun", () => _cluster.All.Any(process => process.Says("waiting for a worker")));
        var holder = _cluster.Holder(job);
        Fill();
        _cluster.StartWorker("worker");

        // Not the warnings on the way: the last checkpoint must be written, and is not.
        holder.WaitFor("job: cannot write");
        MakeRoom();
        _cluster.WaitForEnd(job);
        _cluster.RequireSameAsTrain(job);
        Assert.True(holder.Count("job: taken") > 1, Wait.LastWords([holder]));
        _cluster.RequireQuiet();
    }

    public void Dispose()
    {
        // Nobody may have it in use any more when it is taken away.
        _cluster.End();
        Machine.TryRun("umount", Mounted);
        _cluster.Dispose();
    }

    private string Mounted => Path.Combine(_cluster.Directory.Root, JobCluster.Storage);

    private string Ballast => Path.Combine(Mounted, "ballast");

    private void Mount() => Machine.Run("mount", "-t", "tmpfs", "-o", "size=4m", "rnnlm-tests", Mounted);

    /// <summary>Takes every page that is free.</summary>
    private void Fill()
    {
        using var ballast = new FileStream(Ballast, FileMode.Create);
        byte[] page = new byte[Environment.SystemPageSize];
        try
        {
            while (true)
            {
                ballast.Write(page);
                ballast.Flush();
            }
        }
        catch (IOException)
        {
            // It is full.
        }
    }

    private void MakeRoom() => File.Delete(Ballast);
}
