using k8s;
using k8s.Models;

namespace RnnLm.Cluster.Tests;

/// <summary>The objects of an overlay of deploy/k8s, rendered by kubectl and read strictly: a field that Kubernetes
/// does not know is an error.</summary>
internal sealed class Manifests
{
    private readonly IReadOnlyList<object> _objects;

    /// <param name="rendered">What kubectl has made of it.</param>
    public Manifests(string rendered) => _objects = KubernetesYaml.LoadAllFromString(rendered, strict: true);

    /// <summary>The overlays.</summary>
    public static IReadOnlyList<string> Overlays { get; } = ["cpu", "gpu", "kueue", "local"];

    /// <summary>What makes pods.</summary>
    public IReadOnlyList<Workload> Workloads =>
    [
        .. All<V1StatefulSet>().Select(set => new Workload(
            set.Metadata.Name, set.Spec.Replicas ?? 1, set.Spec.Template, set.Spec.ServiceName)),
        .. All<V1Job>().Select(job => new Workload(
            job.Metadata.Name, job.Spec.Parallelism ?? 1, job.Spec.Template, null)),
    ];

    /// <summary>All objects of a kind.</summary>
    public IReadOnlyList<T> All<T>() => [.. _objects.OfType<T>()];

    /// <summary>Every object.</summary>
    public IReadOnlyList<IKubernetesObject<V1ObjectMeta>> Objects =>
        [.. _objects.Cast<IKubernetesObject<V1ObjectMeta>>()];

    /// <summary>The only object of a kind with this name.</summary>
    public T Get<T>(string name)
        where T : IKubernetesObject<V1ObjectMeta> => Assert.Single(All<T>(), each => each.Metadata.Name == name);

    /// <summary>The environment of a container, as a kubelet makes it.</summary>
    /// <param name="container">Of the pod.</param>
    /// <param name="pod">Name of the pod.</param>
    /// <param name="address">Of the pod.</param>
    public IReadOnlyDictionary<string, string> EnvironmentOf(V1Container container, string pod, string address)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var source in container.EnvFrom ?? [])
        {
            foreach (var (name, value) in Get<V1ConfigMap>(source.ConfigMapRef.Name).Data)
            {
                variables[name] = value;
            }
        }

        foreach (var variable in container.Env ?? [])
        {
            string value = variable.ValueFrom switch
            {
                null => variable.Value,
                { FieldRef.FieldPath: "metadata.name" } => pod,
                { FieldRef.FieldPath: "status.podIP" } => address,
                { ResourceFieldRef: { Resource: "requests.cpu" } reference } when
                    reference.ContainerName == container.Name =>
                    $"{Math.Ceiling(container.Resources.Requests["cpu"].ToDecimal())}",
                _ => throw new InvalidDataException($"{variable.Name} is from where no test looks"),
            };

            // Those that stand before it can be named.
            foreach (var (name, known) in variables)
            {
                value = value.Replace($"$({name})", known, StringComparison.Ordinal);
            }

            variables[variable.Name] = value;
        }

        return variables;
    }
}

/// <summary>A copy of deploy/k8s that has certificates, and what kubectl makes of its overlays.</summary>
public sealed class RenderedManifests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Dictionary<string, string> _texts = [];

    /// <summary>The objects of an overlay, which whoever reads them may change.</summary>
    internal Manifests Read(string overlay)
    {
        if (!_texts.TryGetValue(overlay, out string? text))
        {
            _texts[overlay] = text = Render(overlay);
        }

        return new Manifests(text);
    }

    public void Dispose() => _directory.Dispose();

    private string Render(string overlay)
    {
        string copy = Path.Combine(_directory.Root, "k8s");
        if (!Directory.Exists(copy))
        {
            Machine.Run("cp", "-r", Path.Combine(Repository.Root, "deploy/k8s"), copy);
            string certificates = Path.Combine(copy, "base/certificates");
            RnnLmProcess.Run(_directory, "certificates", "--directory", certificates).Succeeded();
        }

        string rendered = Path.Combine(_directory.Root, $"{overlay}.yaml");
        Machine.Run("sh", "-c", "kubectl kustomize \"$0\" >\"$1\"", Path.Combine(copy, "overlays", overlay), rendered);
        return File.ReadAllText(rendered);
    }
}

/// <summary>What makes pods.</summary>
/// <param name="Name">And the beginning of theirs.</param>
/// <param name="Replicas">How many.</param>
/// <param name="Template">Of the pods.</param>
/// <param name="Service">That gives them names; null for none.</param>
internal sealed record Workload(string Name, int Replicas, V1PodTemplateSpec Template, string? Service)
{
    /// <summary>The container that runs for as long as the pod.</summary>
    public V1Container Container => Assert.Single(Template.Spec.Containers);

    /// <summary>Name of a pod.</summary>
    public string PodName(int index) => $"{Name}-{index}";
}

/// <summary>A test that needs kubectl; skipped where there is none.</summary>
internal sealed class KubectlTheoryAttribute : TheoryAttribute
{
    public KubectlTheoryAttribute() => Skip = Machine.TryRun("kubectl", "version", "--client")
        ? null
        : "there is no kubectl: ./test installs Debian's kubernetes-client where it may";
}
