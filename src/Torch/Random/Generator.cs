using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    /// <summary>Seeds the default generators of every device.</summary>
    public static Generator manual_seed(long seed)
    {
        Check(rnnlm_manual_seed(seed));
        return Generator.Default;
    }

    /// <summary>A source of random numbers.</summary>
    public class Generator : IDisposable
    {
        private nint _handle;

        public Generator(ulong seed = 0, Device? device = null)
        {
            this.device = device ?? CPU;
            Check(rnnlm_generator_new(seed, (int)this.device.type, this.device.index, out _handle));
        }

        private Generator(nint handle)
        {
            device = CPU;
            _handle = handle;
        }

        ~Generator() => Dispose(false);

        /// <summary>The CPU's generator that everything draws from where no other is given.</summary>
        public static Generator Default
        {
            get
            {
                Check(rnnlm_generator_default(out nint handle));
                return new Generator(handle);
            }
        }

        public Device device { get; }

        public nint Handle => _handle != 0 ? _handle : throw new InvalidOperationException("Generator invalid -- it has been disposed.");

        public Generator manual_seed(long seed)
        {
            Check(rnnlm_generator_manual_seed(Handle, seed));
            return this;
        }

        /// <summary>The seed set last.</summary>
        public long initial_seed()
        {
            Check(rnnlm_generator_initial_seed(Handle, out long seed));
            return seed;
        }

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            nint handle = Interlocked.Exchange(ref _handle, 0);
            if (handle != 0)
            {
                rnnlm_generator_dispose(handle);
            }
        }
    }
}
