using System.Security.Cryptography;

namespace RnnLm.Storage;

/// <summary>Who holds a run.</summary>
/// <param name="ProcessId">Operating-system process id.</param>
/// <param name="Host">Machine name.</param>
/// <param name="Nonce">Tells two holders apart that agree in all else, as containers with process id 1 do.</param>
public sealed record LeaseHolder(int ProcessId, string Host, string Nonce)
{
    private const int NonceBytes = 16;

    /// <summary>This process. The nonce is the one value here that must differ in every process and never enters a result.</summary>
    public static LeaseHolder ThisProcess() =>
        new(Environment.ProcessId, Environment.MachineName, RandomNumberGenerator.GetHexString(2 * NonceBytes, lowercase: true));
}
