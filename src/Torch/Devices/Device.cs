namespace RnnLm.Torch;

/// <summary>Kind of device; the numbers are libtorch's.</summary>
public enum DeviceType
{
    CPU = 0,
    CUDA = 1,
}

public static partial class torch
{
    public static readonly Device CPU = new(DeviceType.CPU);

    /// <summary>The current CUDA device.</summary>
    public static Device CUDA { get; } = new(DeviceType.CUDA);

    /// <summary>A device by its name: <c>cpu</c>, <c>cuda</c> or <c>cuda:1</c>.</summary>
    /// <exception cref="ArgumentException">The name is none of these.</exception>
    public static Device device(string description) => new(description);

    public static Device device(DeviceType deviceType, int index = -1) => new(deviceType, index);

    /// <summary>Where a tensor lives.</summary>
    public class Device
    {
        /// <inheritdoc cref="device(string)"/>
        public Device(string description)
        {
            string[] parts = description.Split(':');
            type = parts[0].ToUpperInvariant() switch
            {
                "CPU" => DeviceType.CPU,
                "CUDA" => DeviceType.CUDA,
                _ => throw new ArgumentException($"unknown device '{description}'; use cpu, cuda or cuda:N"),
            };
            if (parts.Length == 1)
            {
                return;
            }

            if (parts.Length > 2 || !int.TryParse(parts[1], out int number) || number < 0)
            {
                throw new ArgumentException($"unknown device '{description}'; use cpu, cuda or cuda:N");
            }

            index = type == DeviceType.CPU ? -1 : number;
        }

        public Device(DeviceType deviceType, int index = -1)
        {
            type = deviceType;
            this.index = deviceType == DeviceType.CPU ? -1 : index;
        }

        public DeviceType type { get; }

        /// <summary>Number of the device; -1 for the current one, and on the CPU.</summary>
        public int index { get; } = -1;

        public static implicit operator Device(string description) => new(description);

        public override string ToString() =>
            type == DeviceType.CPU ? "cpu" : index < 0 ? "cuda" : $"cuda:{index}";
    }
}
