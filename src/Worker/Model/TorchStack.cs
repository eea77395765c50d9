// The only place that chooses between our TorchSharp members over the system's libtorch and TorchSharp itself.
#if STACK_NUGET
global using TorchSharp;
global using TorchSharp.Modules;
global using static TorchSharp.torch;
#else
global using RnnLm.Torch;
global using RnnLm.Torch.Modules;
global using static RnnLm.Torch.torch;
#endif
