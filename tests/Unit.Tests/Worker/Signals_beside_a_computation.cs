using System.Runtime.InteropServices;

namespace RnnLm.Tests;

/// <summary>
/// .NET stops threads for its collector with the first real-time signal. Some libraries' product kernels point the
/// stack pointer into the heap meanwhile, where the handler's frame would be written; libtorch's must not.
/// </summary>
public sealed class Signals_beside_a_computation
{
    private const int Signals = 20_000;

    [Fact]
    public void Neither_the_heap_nor_a_bit_of_the_result_is_touched()
    {
        var settings = new ModelSettings(VocabularySize: 700, Dimension: 192, Layers: 1, PaddingId: -1);
        int[] ids = [.. Enumerable.Range(0, 121).Select(i => i * 37 % settings.VocabularySize)];
        var shard = new ShardTokens(ids, [0, 60, 121]);
        using var model = new FusedReplica(settings);
        using var parameters = new FloatBuffer(model.Layout.Length);
        for (int i = 0; i < parameters.Length; i++)
        {
            parameters.Span[i] = ((i * 7919 % 1000) - 500) * 2e-4f;
        }

        float[] expected = Compute(model, parameters, shard);
        using var started = new ManualResetEventSlim();
        bool isDone = false;
        bool isEqual = true;
        nint id = 0;
        var thread = new Thread(() =>
        {
            id = pthread_self();
            started.Set();
            while (!Volatile.Read(ref isDone))
            {
                isEqual &= expected.AsSpan().SequenceEqual(Compute(model, parameters, shard));
            }
        });
        thread.Start();
        started.Wait();
        for (int sent = 0; sent < Signals; sent++)
        {
            Assert.Equal(0, pthread_kill(id, __libc_current_sigrtmin()));
            Thread.SpinWait(200);
        }

        Volatile.Write(ref isDone, true);
        thread.Join();
        Assert.True(isEqual);
    }

    private static float[] Compute(FusedReplica model, FloatBuffer parameters, ShardTokens shard)
    {
        using var gradient = new Gradient(model.Layout);
        model.Compute(parameters, shard, gradient);
        return gradient.Dense.Span.ToArray();
    }

    [DllImport("libc")]
    private static extern nint pthread_self();

    [DllImport("libc")]
    private static extern int pthread_kill(nint thread, int signal);

    [DllImport("libc")]
    private static extern int __libc_current_sigrtmin();
}
