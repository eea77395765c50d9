using static RnnLm.Torch.torch;

namespace RnnLm.Torch;

/// <summary>Moves and converts the parameters of a module, which keeps its type.</summary>
public static class ModuleExtensionMethods
{
    public static T to<T>(this T module, Device device, bool non_blocking = false) where T : nn.Module => Moved(module, null, device);

    public static T to<T>(this T module, ScalarType type, bool non_blocking = false) where T : nn.Module => Moved(module, type, null);

    public static T to<T>(this T module, Device device, ScalarType type, bool non_blocking = false) where T : nn.Module => Moved(module, type, device);

    public static T cpu<T>(this T module, bool non_blocking = false) where T : nn.Module => Moved(module, null, CPU);

    public static T cuda<T>(this T module, int deviceIndex = -1, bool non_blocking = false) where T : nn.Module =>
        Moved(module, null, new Device(DeviceType.CUDA, deviceIndex));

    private static T Moved<T>(T module, ScalarType? type, Device? device) where T : nn.Module
    {
        module.MoveTo(type, device);
        return module;
    }
}
