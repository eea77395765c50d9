using System.Net;
using System.Net.Sockets;

namespace RnnLm.Cluster.Tests;

/// <summary>Ports of loopback that nobody listens on, and that are given to nobody who asks for any.</summary>
internal static class FreePorts
{
    private const int First = 20_000;
    private const int End = 32_000;

    /// <summary>Finds some; whoever is quicker may take them before they are used.</summary>
    public static IReadOnlyList<int> Find(int count)
    {
        var ports = new HashSet<int>();
        while (ports.Count < count)
        {
            int port = Random.Shared.Next(First, End);
            if (IsFree(port))
            {
                ports.Add(port);
            }
        }

        return [.. ports];
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
