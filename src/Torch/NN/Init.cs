namespace RnnLm.Torch;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>Fills parameters with their first values, in place and unrecorded.</summary>
        public static class init
        {
            public enum FanInOut
            {
                FanIn = 0,
                FanOut = 1,
            }

            public enum NonlinearityType
            {
                Linear = 0,
                Sigmoid = 7,
                Tanh = 8,
                ReLU = 9,
                LeakyReLU = 10,
            }

            /// <summary>By how much a layer's values must grow to make up for what the nonlinearity after it takes away.</summary>
            public static double calculate_gain(NonlinearityType nonlinearity, double param = 0) => nonlinearity switch
            {
                NonlinearityType.Tanh => 5.0 / 3.0,
                NonlinearityType.ReLU => Math.Sqrt(2.0),
                NonlinearityType.LeakyReLU => Math.Sqrt(2.0 / (1.0 + (param * param))),
                _ => 1.0,
            };

            /// <summary>Inputs and outputs of one unit: of a matrix (out, in), or of a kernel (out, in, …) times the size of its field.</summary>
            /// <exception cref="ArgumentException">The tensor has fewer than two dimensions.</exception>
            public static (long fanIn, long fanOut) CalculateFanInAndFanOut(Tensor tensor)
            {
                long[] shape = tensor.shape;
                if (shape.Length < 2)
                {
                    throw new ArgumentException($"Fan in and fan out can not be computed for tensor with fewer than 2 dimensions: {tensor}");
                }

                long field = shape[2..].Aggregate(1L, (product, extent) => product * extent);
                return (shape[1] * field, shape[0] * field);
            }

            public static Tensor uniform_(Tensor tensor, double low = 0, double high = 1, Generator? generator = null) =>
                Unrecorded(() => tensor.uniform_(low, high, generator));

            public static Tensor normal_(Tensor tensor, double mean = 0, double std = 1, Generator? generator = null) =>
                Unrecorded(() => tensor.normal_(mean, std, generator));

            public static Tensor constant_(Tensor tensor, Scalar val) => Unrecorded(() => tensor.fill_(val));

            public static Tensor zeros_(Tensor tensor) => constant_(tensor, Scalar.Zero);

            public static Tensor ones_(Tensor tensor) => constant_(tensor, Scalar.One);

            /// <summary>Uniform within ± gain · √(6 / (fan in + fan out)). Source: Glorot, Bengio, AISTATS 2010.</summary>
            public static Tensor xavier_uniform_(Tensor tensor, double gain = 1)
            {
                (long fanIn, long fanOut) = CalculateFanInAndFanOut(tensor);
                double deviation = gain * Math.Sqrt(2.0 / (fanIn + fanOut));
                double bound = Math.Sqrt(3.0) * deviation;
                return uniform_(tensor, -bound, bound);
            }

            /// <summary>Uniform within ± gain · √(3 / fan), the gain being the nonlinearity's. Source: He et al., ICCV 2015.</summary>
            public static Tensor kaiming_uniform_(
                Tensor tensor, double a = 0, FanInOut mode = FanInOut.FanIn, NonlinearityType nonlinearity = NonlinearityType.LeakyReLU)
            {
                (long fanIn, long fanOut) = CalculateFanInAndFanOut(tensor);
                double deviation = calculate_gain(nonlinearity, a) / Math.Sqrt(mode == FanInOut.FanIn ? fanIn : fanOut);
                double bound = Math.Sqrt(3.0) * deviation;
                return uniform_(tensor, -bound, bound);
            }

            private static Tensor Unrecorded(Func<Tensor> fill)
            {
                using IDisposable unrecorded = no_grad();
                return fill();
            }
        }
    }
}
