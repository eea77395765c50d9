using RnnLm.Torch.Modules;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Modules
{
    /// <summary>x · weightᵀ + bias: (…, in) → (…, out).</summary>
    public sealed class Linear : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter _weight;
        private readonly Parameter? _bias;

        internal Linear(long inputSize, long outputSize, bool hasBias, Device? device, ScalarType? dtype)
            : base(nameof(Linear))
        {
            in_features = inputSize;
            out_features = outputSize;
            _weight = empty(outputSize, inputSize, dtype, device).AsParameter();
            _weight.DetachFromDisposeScope();
            nn.init.kaiming_uniform_(_weight, Math.Sqrt(5));
            register_parameter(nameof(weight), _weight);
            if (hasBias)
            {
                double bound = inputSize > 0 ? 1 / Math.Sqrt(inputSize) : 0;
                _bias = empty(outputSize, dtype, device).AsParameter();
                _bias.DetachFromDisposeScope();
                nn.init.uniform_(_bias, -bound, bound);
                register_parameter(nameof(bias), _bias);
            }

            KeepRegisteredNames();
        }

        public long in_features { get; }

        public long out_features { get; }

        /// <summary>(out, in).</summary>
        public Parameter weight => _weight;

        /// <summary>(out); null for a layer without.</summary>
        public Parameter? bias => _bias;

        public override Tensor forward(Tensor tensor) => nn.functional.linear(tensor, _weight, _bias);
    }
}

namespace RnnLm.Torch
{
    public static partial class torch
    {
        public static partial class nn
        {
            /// <summary>A linear layer with weight and bias uniform within ± 1/√<paramref name="inputSize"/>.</summary>
            public static Linear Linear(long inputSize, long outputSize, bool hasBias = true, Device? device = null, ScalarType? dtype = null) =>
                new(inputSize, outputSize, hasBias, device, dtype);
        }
    }
}
