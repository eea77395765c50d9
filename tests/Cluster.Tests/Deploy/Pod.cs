using System.Diagnostics;
using System.Globalization;
using System.Net;
using k8s.Models;

namespace RnnLm.Cluster.Tests;

/// <summary>
/// A pod of the manifests, run as a kubelet and its container runtime would: namespaces of its own for processes,
/// mounts and network, the program's image as a root that can only be read, the volumes where the manifest mounts them,
/// its user without capabilities, and nothing in the environment but what manifest and image put there.
/// </summary>
internal sealed class Pod : IDisposable
{
    /// <summary>Succeeds where one can be run.</summary>
    public const string Trial =
        "kubectl version --client && command -v setpriv && unshare --net ip link add type bridge && " +
        "unshare --mount --pid --fork mount -t tmpfs none /mnt";

    private readonly Manifests _manifests;
    private readonly ProgramImage _image;
    private readonly string _root;
    private readonly string _network;
    private readonly Dictionary<string, string> _volumes;
    private readonly string _hosts;

    /// <summary>Starts one, its init containers first.</summary>
    /// <param name="manifests">Where its volumes and variables are declared.</param>
    /// <param name="workload">Whose it is.</param>
    /// <param name="index">Which one of them.</param>
    /// <param name="image">Of the program.</param>
    /// <param name="network">Where its neighbours are.</param>
    /// <param name="directory">Where its files are on this machine.</param>
    public Pod(
        Manifests manifests, Workload workload, int index, ProgramImage image, PodNetwork network, string directory)
    {
        (_manifests, Workload, _image, Name) = (manifests, workload, image, workload.PodName(index));
        (_network, Address) = network.Add();
        _hosts = network.Hosts;
        if (workload.Service is { } service)
        {
            network.Call($"{Name}.{service}", Address);
        }

        string own = Path.Combine(directory, "pods", Address);
        _root = Directory.CreateDirectory(Path.Combine(own, "root")).FullName;
        _volumes = workload.Template.Spec.Volumes.ToDictionary(
            volume => volume.Name, volume => Provide(volume, directory, Path.Combine(own, "volumes", volume.Name)));
        foreach (var container in workload.Template.Spec.InitContainers)
        {
            using var init = new ClusterProcess($"{Name}/{container.Name}", Start(container));
            Assert.True(init.WaitForEnd() == 0, $"{Name}/{container.Name}: {string.Join('\n', init.Errors)}");
        }

        Process = new ClusterProcess(Name, Start(workload.Container));
    }

    /// <summary>Whose it is.</summary>
    public Workload Workload { get; }

    /// <summary>As others call it.</summary>
    public string Name { get; }

    /// <summary>Where it is reached.</summary>
    public string Address { get; }

    /// <summary>Its container's process.</summary>
    public ClusterProcess Process { get; }

    private V1PodSecurityContext Security => Workload.Template.Spec.SecurityContext;

    /// <summary>Asks what a probe asks.</summary>
    public HttpStatusCode Probe(V1Probe probe, HttpClient client)
    {
        string named = probe.HttpGet.Port.Value;
        int port = int.TryParse(named, CultureInfo.InvariantCulture, out int number)
            ? number
            : Workload.Container.Ports.Single(each => each.Name == named).ContainerPort;
        using var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri($"http://{Address}:{port}{probe.HttpGet.Path}"));
        using var response = client.Send(request);
        return response.StatusCode;
    }

    /// <summary>Runs a command in it, like kubectl exec.</summary>
    public ProcessResult Execute(params string[] command)
    {
        int first = Children(Process.Id).Single();
        var start = Info(
        [
            "nsenter", "--target", $"{first}", "--mount", "--net", "--pid", "--root", "--wd",
            .. Command(Workload.Container, command),
        ]);
        using var process = System.Diagnostics.Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new ProcessResult(process.ExitCode, output, error.Result);
    }

    /// <summary>Sends its first process a signal, which then has the namespace of processes to itself.</summary>
    public void Signal(string name)
    {
        foreach (int child in Children(Process.Id))
        {
            Machine.TryRun("kill", $"-{name}", $"{child}");
        }
    }

    public void Dispose()
    {
        // Its first process has another user than who started it, and so does not end with that one.
        Signal("KILL");
        Process.Dispose();
    }

    private static IEnumerable<int> Children(int process)
    {
        string path = $"/proc/{process}/task/{process}/children";
        return !File.Exists(path)
            ? []
            : File.ReadAllText(path).Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(id => int.Parse(id, CultureInfo.InvariantCulture));
    }

    private static ProcessStartInfo Info(IEnumerable<string> command) =>
        new("env", ["--default-signal=INT,TERM,HUP", .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

    private ProcessStartInfo Start(V1Container container) => Info(
    [
        "ip", "netns", "exec", _network,
        .. _image.Isolate(
            _root,
            _hosts,
            container.VolumeMounts.Select(mount =>
                (_volumes[mount.Name], mount.MountPath, mount.ReadOnlyProperty != true))),
        .. Command(
            container,
            container.Command is { Count: > 0 } command
                ? [.. command, .. container.Args ?? []]
                : [_image.EntryPoint, .. container.Args ?? []]),
    ]);

    /// <summary>A command with its environment and its user, and no more rights than the manifest gives.</summary>
    private IEnumerable<string> Command(V1Container container, IEnumerable<string> command)
    {
        Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
        Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
        Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
        return _image.Command(
            _manifests.EnvironmentOf(container, Name, Address),
            (int)Security.RunAsUser!,
            (int)Security.RunAsGroup!,
            (int)Security.FsGroup!,
            command);
    }

    /// <summary>The directory of a volume on this machine, which its group may use as Kubernetes has it.</summary>
    private string Provide(V1Volume volume, string directory, string own)
    {
        string path = own;
        if (volume.PersistentVolumeClaim is { } mounted)
        {
            var claim = _manifests.Get<V1PersistentVolumeClaim>(mounted.ClaimName);

            // A kubelet lets the group write to what one node mounts; to a file service's, whoever runs that does.
            Assert.Equal(["ReadWriteOnce"], claim.Spec.AccessModes);
            path = Path.Combine(directory, claim.Metadata.Name);
        }

        Directory.CreateDirectory(path);
        if (volume.ConfigMap is { } map)
        {
            foreach (var (name, text) in _manifests.Get<V1ConfigMap>(map.Name).Data)
            {
                File.WriteAllText(Path.Combine(path, name), text);
            }
        }

        if (volume.Secret is { } secret)
        {
            foreach (var (name, bytes) in _manifests.Get<V1Secret>(secret.SecretName).Data)
            {
                File.WriteAllBytes(Path.Combine(path, name), bytes);
                Machine.Run("chmod", "640", Path.Combine(path, name));
            }
        }

        Machine.Run("chown", "-R", $":{Security.FsGroup}", path);
        Machine.Run("chmod", volume.ConfigMap is null && volume.Secret is null ? "2775" : "755", path);
        return path;
    }
}
