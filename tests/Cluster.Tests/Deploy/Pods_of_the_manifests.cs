using System.Net;
using static System.StringComparison;

namespace RnnLm.Cluster.Tests;

/// <summary>deploy/k8s without Kubernetes: its pods as plain processes of this machine.</summary>
[Collection(JobClusters.Name)]
public sealed class Pods_of_the_manifests(ProgramImage image) : IDisposable
{
    private const string Job = "novel";
    private const string Taken = $"{Job}: taken";
    private static readonly TimeSpan s_longestJob = TimeSpan.FromMinutes(10);

    private readonly TemporaryDirectory _directory = new();
    private readonly RenderedManifests _rendered = new();
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(60) };
    private readonly List<Pod> _pods = [];

    [RootFact(Pod.Trial)]
    public void Become_ready_are_lost_and_replaced_and_train_the_same_model()
    {
        var manifests = _rendered.Read("local");
        using var network = new PodNetwork(Path.Combine(_directory.Root, "hosts"));
        Pod Start(Workload workload, int index)
        {
            var pod = new Pod(manifests, workload, index, image, network, _directory.Root);
            _pods.Add(pod);
            return pod;
        }

        // What an operator copies there.
        string storage = Path.Combine(_directory.Root, "rnnlm-storage");
        Directory.CreateDirectory(Path.Combine(storage, "corpus"));
        File.WriteAllText(Path.Combine(storage, "corpus/text.txt"), SmallText.Sentences(4000));

        var coordinators = manifests.Workloads.Single(workload => workload.Name == "rnnlm-coordinator");
        var workers = manifests.Workloads.Single(workload => workload.Name == "rnnlm-worker");
        Pod[] leading = [.. Enumerable.Range(0, coordinators.Replicas).Select(index => Start(coordinators, index))];
        Pod[] computing = [.. Enumerable.Range(0, workers.Replicas).Select(index => Start(workers, index))];
        Assert.All(leading, RequireMember);
        Assert.All(computing, RequireWorker);

        leading[0].Execute("rnnlm", "submit", "/job/job.json", "--name", Job).Succeeded();
        using var progress = new RunProgress(Path.Combine(storage, "runs", Job));
        WaitForSteps(progress, 10);

        // A worker is lost, and another comes in its place, with another address.
        Kill(computing[0]);
        RequireWorker(Start(workers, 0));
        WaitForSteps(progress, 10);

        // So is the coordinator that has the job.
        int lost = Holder(leading);
        Kill(leading[lost]);
        Wait.Until(
            "another coordinator takes the job",
            () => leading.Where((_, index) => index != lost).Any(pod => pod.Process.Says(Taken)),
            () => _pods.Select(pod => pod.Process));
        leading[lost] = Start(coordinators, lost);
        RequireMember(leading[lost]);
        WaitForSteps(progress, 10);

        // And the next one is asked to go, as by an upgrade.
        int asked = Holder(leading);
        leading[asked].Signal("TERM");
        Assert.Equal(0, leading[asked].Process.WaitForEnd());
        leading[asked] = Start(coordinators, asked);
        RequireMember(leading[asked]);

        Wait.Until(
            "the job is done",
            () => _pods.Any(pod => pod.Process.Says($"{Job}: done")),
            () => _pods.Select(pod => pod.Process),
            s_longestJob);
        var report = leading[0].Execute("rnnlm", "jobs", "--json").Succeeded().Objects.Single();
        Assert.Equal("done", report.GetProperty("state").GetString());

        // unshare complains when what it has started is killed.
        Assert.All(_pods, pod => Assert.DoesNotContain(pod.Process.Errors, line => line.StartsWith("rnnlm", Ordinal)));
        RnnLmProcess.Run(
            _directory, "train", "--preset", "char", "--corpus", Path.Combine(storage, "corpus/text.txt"),
            "--run", "alone", "--json").Succeeded();
        Assert.Equal(
            _directory.Run("alone").FinalHashes, new RunFiles(Path.Combine(storage, "runs", Job)).FinalHashes);
    }

    public void Dispose()
    {
        _pods.ForEach(pod => pod.Dispose());
        _client.Dispose();
        _rendered.Dispose();
        _directory.Dispose();
    }

    private static void Kill(Pod pod)
    {
        pod.Signal("KILL");
        pod.Process.WaitForEnd();
    }

    /// <summary>Who has taken the job and lives.</summary>
    private static int Holder(Pod[] pods) =>
        Array.FindIndex(pods, pod => !pod.Process.HasEnded && pod.Process.Says(Taken));

    private void RequireMember(Pod pod) => RequireReady(pod, "is in the cluster");

    private void RequireWorker(Pod pod) => RequireReady(pod, "looks for work");

    /// <summary>Asks what its kubelet would, once it says that it has begun.</summary>
    private void RequireReady(Pod pod, string begun)
    {
        pod.Process.WaitFor(begun);
        var container = pod.Workload.Container;
        Assert.All(
            [container.StartupProbe, container.LivenessProbe, container.ReadinessProbe],
            probe => Assert.Equal(HttpStatusCode.OK, pod.Probe(probe, _client)));
    }

    private void WaitForSteps(RunProgress progress, int count)
    {
        long from = progress.LastStep;
        Wait.Until(
            $"step {from + count}", () => progress.LastStep >= from + count, () => _pods.Select(pod => pod.Process));
    }
}
