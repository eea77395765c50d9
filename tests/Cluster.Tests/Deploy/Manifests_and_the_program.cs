using System.Globalization;
using System.Reflection;
using System.Text.Json.Nodes;
using k8s.Models;
using RnnLm.Hosting;

namespace RnnLm.Cluster.Tests;

/// <summary>What the manifests say, and what the program knows, is the same.</summary>
public sealed class Manifests_and_the_program(RenderedManifests rendered)
    : IClassFixture<RenderedManifests>, IDisposable
{
    private const string Listen = "RNNLM_LISTEN";
    private const string Health = "RNNLM_HEALTH";
    private const string Address = "10.0.0.7";

    private readonly TemporaryDirectory _directory = new();

    public static TheoryData<string> Overlays => [.. Manifests.Overlays];

    [KubectlTheory]
    [MemberData(nameof(Overlays))]
    public void Every_overlay_has_the_objects_of_a_cluster(string overlay)
    {
        var manifests = rendered.Read(overlay);
        Assert.Equal(["rnnlm-coordinator", "rnnlm-worker"], manifests.Workloads.Select(workload => workload.Name));
        var account = Assert.Single(manifests.All<V1ServiceAccount>());
        Assert.False(account.AutomountServiceAccountToken);
        Assert.Empty(manifests.All<V1Role>());
        Assert.Single(manifests.All<V1NetworkPolicy>());
        Assert.Single(manifests.All<V1PersistentVolumeClaim>());
        Assert.All(manifests.Objects, each =>
        {
            Assert.Equal("rnnlm", each.Metadata.Labels["app.kubernetes.io/name"]);
            Assert.Equal("rnnlm", each.Metadata.Labels["app.kubernetes.io/part-of"]);
        });

        // Of a Job's pods one would let no node be drained: a Job has no scale.
        Assert.Equal(
            manifests.All<V1StatefulSet>().Select(set => set.Metadata.Name),
            manifests.All<V1PodDisruptionBudget>().Select(budget => budget.Metadata.Name).Order());
        Assert.Equal(overlay == "kueue", manifests.All<V1Job>().Count == 1);
        Assert.All(manifests.Workloads, workload =>
        {
            var pod = workload.Template.Spec;
            Assert.Equal(account.Metadata.Name, pod.ServiceAccountName);
            Assert.False(pod.AutomountServiceAccountToken);

            // Services of the namespace would be variables that look like options.
            Assert.False(pod.EnableServiceLinks);
            Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
            Assert.True(pod.SecurityContext.RunAsNonRoot);
            Assert.Equal("kubernetes.io/hostname", Assert.Single(pod.TopologySpreadConstraints).TopologyKey);
            Assert.All([.. pod.InitContainers, .. pod.Containers], container =>
            {
                Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
                Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
                Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
                Assert.True(container.Resources.Requests.ContainsKey("cpu"));
                Assert.True(container.Resources.Requests.ContainsKey("memory"));

                // A process that is throttled misses heartbeats.
                Assert.False(container.Resources.Limits.ContainsKey("cpu"));
            });
        });
    }

    [KubectlTheory]
    [MemberData(nameof(Overlays))]
    public void Whatever_is_named_is_there(string overlay)
    {
        var manifests = rendered.Read(overlay);
        foreach (var workload in manifests.Workloads)
        {
            var pod = workload.Template.Spec;
            foreach (var volume in pod.Volumes)
            {
                _ = volume.Secret is { } secret ? manifests.Get<V1Secret>(secret.SecretName) : null;
                _ = volume.ConfigMap is { } map ? manifests.Get<V1ConfigMap>(map.Name) : null;
                _ = volume.PersistentVolumeClaim is { } claim
                    ? manifests.Get<V1PersistentVolumeClaim>(claim.ClaimName)
                    : null;
            }

            Assert.Equal(
                pod.Volumes.Select(volume => volume.Name).Order(),
                pod.InitContainers.Concat(pod.Containers).SelectMany(container => container.VolumeMounts)
                    .Select(mount => mount.Name).Distinct().Order());
            Assert.All(
                manifests.All<V1NetworkPolicy>().Single().Spec.PodSelector.MatchLabels,
                label => Assert.Equal(label.Value, workload.Template.Metadata.Labels[label.Key]));
            RequireSelects(Assert.Single(pod.TopologySpreadConstraints).LabelSelector.MatchLabels, workload);
        }

        foreach (var set in manifests.All<V1StatefulSet>())
        {
            var service = manifests.Get<V1Service>(set.Spec.ServiceName);
            Assert.Equal("None", service.Spec.ClusterIP);
            var workload = manifests.Workloads.Single(each => each.Name == set.Metadata.Name);
            RequireSelects(service.Spec.Selector, workload);
            RequireSelects(set.Spec.Selector.MatchLabels, workload);
            RequireSelects(manifests.Get<V1PodDisruptionBudget>(workload.Name).Spec.Selector.MatchLabels, workload);
        }

        void RequireSelects(IDictionary<string, string> labels, Workload workload) => Assert.Equal(
            [workload.Name],
            manifests.Workloads
                .Where(each => labels.All(label =>
                    each.Template.Metadata.Labels.TryGetValue(label.Key, out string? value) && value == label.Value))
                .Select(each => each.Name));
    }

    [KubectlTheory]
    [MemberData(nameof(Overlays))]
    public void Commands_and_variables_are_those_of_the_program(string overlay)
    {
        var manifests = rendered.Read(overlay);
        foreach (var workload in manifests.Workloads)
        {
            ClusterService service = Assert.Single(workload.Container.Args) switch
            {
                "coordinator" => new CoordinatorService(),
                "worker" => new WorkerService(),
                var other => throw new InvalidDataException($"{other} is no command of a pod"),
            };
            var words = manifests.EnvironmentOf(workload.Container, workload.PodName(0), Address)
                .Where(variable => variable.Key.StartsWith(Configuration.Prefix, StringComparison.Ordinal))
                .SelectMany(variable =>
                {
                    var option = Assert.Single(
                        service.Command.Options, option => Configuration.VariableOf(option) == variable.Key);
                    return Configuration.ValuesOf(option, variable.Value).Select(value => $"{option.Name}={value}");
                });
            Assert.Empty(service.Command.Parse([.. words], Configuration.Reading).Errors);
        }
    }

    [KubectlTheory]
    [MemberData(nameof(Overlays))]
    public void Ports_and_names_are_those_where_processes_listen(string overlay)
    {
        var manifests = rendered.Read(overlay);
        var coordinators = Of(manifests, "rnnlm-coordinator");
        string[] seeds = [];
        foreach (var workload in manifests.Workloads)
        {
            var container = workload.Container;
            var variables = manifests.EnvironmentOf(container, workload.PodName(0), Address);
            seeds = variables["RNNLM_SEED_NODE"].Split(' ');
            Assert.Equal($"{Address}:{PortOf(container, "health")}", variables[Health]);
            (V1Probe Probe, string Path)[] probes =
            [
                (container.StartupProbe, HealthEndpoints.LivePath),
                (container.LivenessProbe, HealthEndpoints.LivePath),
                (container.ReadinessProbe, HealthEndpoints.ReadyPath),
            ];
            Assert.All(probes, each =>
            {
                Assert.Equal(("health", each.Path), (each.Probe.HttpGet.Port.Value, each.Probe.HttpGet.Path));

                // Else the answer that it is not known would not be heard.
                Assert.True(each.Probe.TimeoutSeconds > HealthEndpoints.Deadline.TotalSeconds);
            });
        }

        // Written alike by those who listen and those who look for them, and known before they are ready.
        var service = manifests.Get<V1Service>(coordinators.Service!);
        Assert.True(service.Spec.PublishNotReadyAddresses);
        int cluster = PortOf(coordinators.Container, "cluster");
        Assert.Equal(cluster, Assert.Single(service.Spec.Ports).Port);
        Assert.Equal(
            seeds,
            Enumerable.Range(0, coordinators.Replicas).Select(index =>
                manifests.EnvironmentOf(coordinators.Container, coordinators.PodName(index), Address)[Listen]));
        Assert.Equal(
            seeds,
            Enumerable.Range(0, coordinators.Replicas).Select(
                index => $"{coordinators.PodName(index)}.{coordinators.Service}:{cluster}"));
        Assert.All(seeds, seed => ClusterAddress.Parse(seed));

        // Who is in no cluster reaches the probes alone.
        var policy = manifests.All<V1NetworkPolicy>().Single().Spec;
        var open = Assert.Single(policy.Ingress, rule => rule.FromProperty is null);
        Assert.Equal(
            [PortOf(coordinators.Container, "health").ToString(CultureInfo.InvariantCulture)],
            open.Ports.Select(port => port.Port.Value));
    }

    [KubectlTheory]
    [MemberData(nameof(Overlays))]
    public void Files_are_where_processes_look_for_them(string overlay)
    {
        var manifests = rendered.Read(overlay);
        foreach (var workload in manifests.Workloads)
        {
            var pod = workload.Template.Spec;
            var variables = manifests.EnvironmentOf(workload.Container, workload.PodName(0), Address);
            string directory = variables["RNNLM_CERTIFICATES"];
            var init = Assert.Single(pod.InitContainers);
            var secret = manifests.Get<V1Secret>(
                pod.Volumes.Single(volume => volume.Secret is not null).Secret.SecretName);
            string from = MountOf(init, pod.Volumes.Single(volume => volume.Secret is not null).Name);
            Assert.Equal(directory, MountOf(init, VolumeAt(workload.Container, directory)));
            Assert.Equal(["install", "-m", "600", "-t", directory], init.Command.Take(5));
            Assert.Equal(secret.Data.Keys.Select(key => $"{from}/{key}").Order(), init.Command.Skip(5).Order());

            // As the program reads them.
            string copy = Path.Combine(_directory.Root, workload.Name);
            Directory.CreateDirectory(copy);
            foreach (var (name, bytes) in secret.Data)
            {
                File.WriteAllBytes(Path.Combine(copy, name), bytes);
                Machine.Run("chmod", "600", Path.Combine(copy, name));
            }

            NodeCertificates.Load(
                copy, variables.GetValueOrDefault("RNNLM_CERTIFICATE_NAME", "node"), TimeProvider.System);
            Assert.Equal("/tmp", MountOf(workload.Container, "temporary"));
        }

        var coordinator = Of(manifests, "rnnlm-coordinator");
        string storage = manifests.EnvironmentOf(coordinator.Container, "x", Address)["RNNLM_STORAGE"];
        var claim = coordinator.Template.Spec.Volumes.Single(volume => volume.PersistentVolumeClaim is not null);
        Assert.Equal(storage, MountOf(coordinator.Container, claim.Name));
        var job = coordinator.Template.Spec.Volumes.Single(volume => volume.ConfigMap is not null);
        Assert.Equal("/job", MountOf(coordinator.Container, job.Name));
        var (file, text) = Assert.Single(manifests.Get<V1ConfigMap>(job.ConfigMap.Name).Data);
        Assert.Equal("job.json", file);
        Assert.All(
            JsonNode.Parse(text)!["corpus"]!.AsArray(),
            path => Assert.StartsWith($"{storage}/", (string)path!, StringComparison.Ordinal));
        TrainRequest.OfJobFile(file, JsonNode.Parse(text)!.AsObject());
        string? numerics = (string?)JsonNode.Parse(text)!["job"]?["numerics"];
        Assert.Equal(overlay is "gpu" or "kueue" ? "cuda" : null, numerics);
    }

    [KubectlTheory]
    [MemberData(nameof(Overlays))]
    public void Images_are_those_of_this_version(string overlay)
    {
        string version = typeof(ClusterHost).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
        var manifests = rendered.Read(overlay);
        RequireImages("rnnlm-coordinator", $"rnnlm:{version}");
        RequireImages("rnnlm-worker", $"rnnlm:{version}{(overlay is "gpu" or "kueue" ? "-cuda" : string.Empty)}");

        void RequireImages(string workload, string image)
        {
            var pod = Of(manifests, workload).Template.Spec;
            Assert.All(pod.InitContainers.Concat(pod.Containers), container => Assert.Equal(image, container.Image));
        }
    }

    [KubectlTheory]
    [MemberData(nameof(Overlays))]
    public void A_pod_has_as_long_as_a_coordinator_gives_itself_to_leave(string overlay)
    {
        var leave = Akka.Configuration.ConfigurationFactory.ParseString(ClusterHost.Shipped("cluster.conf"))
            .GetTimeSpan("akka.coordinated-shutdown.phases.cluster-sharding-shutdown-region.timeout");
        Assert.True(CoordinatorService.LongestFarewell > leave);
        Assert.True(
            Of(rendered.Read(overlay), "rnnlm-coordinator").Template.Spec.TerminationGracePeriodSeconds
            >= CoordinatorService.LongestFarewell.TotalSeconds);
    }

    /// <summary>Kueue's workers are those of `gpu` but for what makes them a Job.</summary>
    [KubectlTheory]
    [InlineData("gpu", "kueue")]
    public void A_queues_workers_are_those_without_a_queue(string plain, string queued)
    {
        var expected = Of(rendered.Read(plain), "rnnlm-worker").Template.Spec;
        var manifests = rendered.Read(queued);
        var job = Assert.Single(manifests.All<V1Job>());
        Assert.Equal((true, "Indexed"), (job.Spec.Suspend, job.Spec.CompletionMode));
        Assert.Equal("rnnlm", job.Metadata.Labels["kueue.x-k8s.io/queue-name"]);
        Assert.Equal(job.Spec.Parallelism, job.Spec.Completions);
        var actual = job.Spec.Template.Spec;
        Assert.Equal("OnFailure", actual.RestartPolicy);
        actual.RestartPolicy = null;
        Assert.Equal("1", actual.Containers.Single().Resources.Limits["nvidia.com/gpu"].ToString());
        var idle = Assert.Single(actual.Containers.Single().Env, variable => variable.Name == "RNNLM_STOP_WHEN_IDLE");
        actual.Containers.Single().Env.Remove(idle);
        Assert.Equal(Text(expected), Text(actual));
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>Environments are compared as sets: a patch may change their order.</summary>
    private static string Text(V1PodSpec pod)
    {
        pod.Containers.Single().Env = [.. pod.Containers.Single().Env.OrderBy(each => each.Name)];
        return k8s.KubernetesYaml.Serialize(pod);
    }

    private static Workload Of(Manifests manifests, string name) =>
        manifests.Workloads.Single(workload => workload.Name == name);

    private static int PortOf(V1Container container, string name) =>
        container.Ports.Single(port => port.Name == name).ContainerPort;

    private static string MountOf(V1Container container, string volume) =>
        container.VolumeMounts.Single(mount => mount.Name == volume).MountPath;

    private static string VolumeAt(V1Container container, string path) =>
        container.VolumeMounts.Single(mount => mount.MountPath == path).Name;
}
