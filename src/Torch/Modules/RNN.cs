using RnnLm.Torch.Modules;
using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Modules
{
    /// <summary>
    /// Stacked Elman layers, each <c>h' = f(x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh)</c>. Input (time, batch, in), or (batch, time, in) with batchFirst;
    /// states (layers · directions, batch, hidden). Source: Elman, "Finding structure in time", 1990.
    /// </summary>
    public sealed class RNN : nn.Module<Tensor, Tensor?, (Tensor, Tensor)>
    {
        private readonly long _hiddenSize;
        private readonly long _layers;
        private readonly int _directions;
        private readonly bool _relu;
        private readonly bool _hasBias;
        private readonly bool _batchFirst;
        private readonly double _dropout;
        private readonly List<Parameter> _weights = [];

        internal RNN(
            long inputSize, long hiddenSize, long layers, nn.NonLinearities nonLinearity, bool hasBias, bool batchFirst, double dropout, bool bidirectional,
            Device? device, ScalarType? dtype)
            : base(nameof(RNN))
        {
            _hiddenSize = hiddenSize;
            _layers = layers;
            _directions = bidirectional ? 2 : 1;
            _relu = nonLinearity == nn.NonLinearities.ReLU;
            _hasBias = hasBias;
            _batchFirst = batchFirst;
            _dropout = dropout;
            double bound = hiddenSize > 0 ? 1.0 / Math.Sqrt(hiddenSize) : 0;
            void Add(string name, params long[] shape)
            {
                Parameter parameter = empty(shape, dtype, device).AsParameter();
                parameter.DetachFromDisposeScope();
                nn.init.uniform_(parameter, -bound, bound);
                _weights.Add(parameter);
                register_parameter(name, parameter);
            }

            for (long layer = 0; layer < layers; layer++)
            {
                for (int direction = 0; direction < _directions; direction++)
                {
                    string suffix = direction == 0 ? $"_l{layer}" : $"_l{layer}_reverse";
                    Add("weight_ih" + suffix, hiddenSize, layer == 0 ? inputSize : hiddenSize * _directions);
                    Add("weight_hh" + suffix, hiddenSize, hiddenSize);
                    if (hasBias)
                    {
                        Add("bias_ih" + suffix, hiddenSize);
                        Add("bias_hh" + suffix, hiddenSize);
                    }
                }
            }

            KeepRegisteredNames();
        }

        private int WeightsOfALayer => _hasBias ? 4 : 2;

        /// <summary>Input weight (hidden, in) of a layer; with two directions 2·layer is forward, 2·layer + 1 backward.</summary>
        public Parameter? get_weight_ih(long idx) => _weights[checked((int)idx * WeightsOfALayer)];

        /// <summary>Recurrent weight (hidden, hidden); numbered as in <see cref="get_weight_ih"/>.</summary>
        public Parameter? get_weight_hh(long idx) => _weights[checked(((int)idx * WeightsOfALayer) + 1)];

        /// <summary>Input bias (hidden); numbered as in <see cref="get_weight_ih"/>; null without biases.</summary>
        public Parameter? get_bias_ih(long idx) => _hasBias ? _weights[checked(((int)idx * WeightsOfALayer) + 2)] : null;

        /// <summary>Recurrent bias (hidden); numbered as in <see cref="get_weight_ih"/>; null without biases.</summary>
        public Parameter? get_bias_hh(long idx) => _hasBias ? _weights[checked(((int)idx * WeightsOfALayer) + 3)] : null;

        /// <summary>The last layer's states at every step, and every layer's state after the last step.</summary>
        /// <param name="input">The sequence.</param>
        /// <param name="h0">First states; zeros where missing.</param>
        public override (Tensor, Tensor) forward(Tensor input, Tensor? h0)
        {
            Tensor? zero = h0 is null ? zeros([_layers * _directions, input.size(_batchFirst ? 0 : 1), _hiddenSize], input.dtype, input.device) : null;
            using (zero)
            {
                nint[] weights = TensorList.Handles(_weights);
                Check(rnnlm_rnn(
                    input, h0 ?? zero!, weights, weights.Length, _relu ? 1 : 0, _hasBias ? 1 : 0, _layers, _dropout, training ? 1 : 0,
                    _directions == 2 ? 1 : 0, _batchFirst ? 1 : 0, out Tensor output, out Tensor lastHidden));
                return (output, lastHidden);
            }
        }

        public new (Tensor, Tensor) call(Tensor input, Tensor? h0 = null) => base.call(input, h0);
    }
}

namespace RnnLm.Torch
{
    public static partial class torch
    {
        public static partial class nn
        {
            public enum NonLinearities
            {
                ReLU = 0,
                Tanh = 1,
            }

            /// <summary>Stacked Elman layers with all parameters uniform within ± 1/√<paramref name="hiddenSize"/>.</summary>
            public static RNN RNN(
                long inputSize, long hiddenSize, long numLayers = 1, NonLinearities nonLinearity = NonLinearities.Tanh, bool bias = true, bool batchFirst = false,
                double dropout = 0.0, bool bidirectional = false, Device? device = null, ScalarType? dtype = null) =>
                new(inputSize, hiddenSize, numLayers, nonLinearity, bias, batchFirst, dropout, bidirectional, device, dtype);
        }
    }
}
