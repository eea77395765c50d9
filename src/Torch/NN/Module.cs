using System.Reflection;
using RnnLm.Torch.Modules;

namespace RnnLm.Torch;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>
        /// A part of a network: it has parameters and further modules, each under a name. A derived class keeps them in fields and calls
        /// <see cref="RegisterComponents"/> at the end of its constructor: the field names become the keys of the state dict.
        /// </summary>
        public class Module : IDisposable
        {
            private readonly List<(string name, Parameter parameter)> _parameters = [];
            private readonly List<(string name, Module module)> _modules = [];
            private readonly string _name;
            private bool _registered;

            protected Module(string name) => _name = name;

            ~Module() => Dispose(false);

            /// <summary>True in training, false in evaluation.</summary>
            public virtual bool training { get; private set; } = true;

            public virtual string GetName() => _name;

            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            /// <summary>Puts this module and those below it into training (or, with false, evaluation).</summary>
            public virtual void train(bool train = true)
            {
                training = train;
                foreach ((_, Module module) in _modules)
                {
                    module.train(train);
                }
            }

            public virtual void eval() => train(false);

            /// <summary>Sets the gradients of all parameters to none, or to zeros.</summary>
            public virtual void zero_grad(bool set_to_none = true)
            {
                foreach (Parameter parameter in parameters())
                {
                    if (set_to_none)
                    {
                        parameter.grad = null;
                        continue;
                    }

                    using Tensor? gradient = parameter.grad;
                    using Tensor? detached = gradient?.detach();
                    detached?.zero_();
                }
            }

            /// <summary>The parameters of this module and then of those below it, each once, by dotted name.</summary>
            public virtual IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
            {
                var seen = new HashSet<long>();
                foreach ((string name, Parameter parameter) in AllParameters(recurse))
                {
                    if (seen.Add(parameter.Identity()))
                    {
                        yield return (name, parameter);
                    }
                }
            }

            public virtual IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(named => named.parameter);

            /// <summary>The parameter with this dotted name; null where there is none.</summary>
            public virtual Parameter? get_parameter(string target) =>
                AllParameters(true).FirstOrDefault(named => named.name == target).parameter;

            public virtual IEnumerable<(string name, Module module)> named_children() => _modules;

            public virtual IEnumerable<Module> children() => _modules.Select(named => named.module);

            public virtual IEnumerable<(string name, Module module)> named_modules()
            {
                foreach ((string name, Module module) in _modules)
                {
                    yield return (name, module);
                }

                foreach ((string name, Module module) in _modules)
                {
                    foreach ((string below, Module inner) in module.named_modules())
                    {
                        yield return ($"{name}.{below}", inner);
                    }
                }
            }

            public virtual IEnumerable<Module> modules() => named_modules().Select(named => named.module);

            /// <summary>Calls <paramref name="fn"/> on every module below this one and then on this one.</summary>
            public virtual Module apply(Action<Module> fn)
            {
                foreach ((_, Module module) in _modules)
                {
                    module.apply(fn);
                }

                fn(this);
                return this;
            }

            /// <summary>All parameters by dotted name, in order; a shared one under each of its names.</summary>
            public virtual Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null)
            {
                destination ??= [];
                foreach ((string name, Parameter parameter) in AllParameters(true))
                {
                    destination.TryAdd(string.IsNullOrEmpty(prefix) ? name : $"{prefix}.{name}", parameter);
                }

                return destination;
            }

            /// <summary>Copies values into the parameters of the same names.</summary>
            /// <exception cref="InvalidOperationException"><paramref name="strict"/>, and the names on both sides are not the same.</exception>
            public virtual (IList<string> missing_keys, IList<string> unexpected_keyes) load_state_dict(
                Dictionary<string, Tensor> source, bool strict = true, IList<string>? skip = null)
            {
                Dictionary<string, Tensor> destination = state_dict();
                skip ??= [];
                List<string> missing = [.. destination.Keys.Except(source.Keys).Except(skip)];
                List<string> unexpected = [.. source.Keys.Except(destination.Keys).Except(skip)];
                if (strict && missing.Count + unexpected.Count > 0)
                {
                    throw new InvalidOperationException(
                        $"The loaded state_dict does not fit: missing [{string.Join(", ", missing)}], unexpected [{string.Join(", ", unexpected)}].");
                }

                using IDisposable unrecorded = no_grad();
                foreach ((string name, Tensor value) in source)
                {
                    if (!skip.Contains(name) && destination.TryGetValue(name, out Tensor? parameter))
                    {
                        parameter.copy_(value);
                    }
                }

                return (missing, unexpected);
            }

            public virtual void register_parameter(string name, Parameter param)
            {
                RequireFree(name);
                _parameters.Add((name, param));
            }

            public virtual void register_module(string name, Module submodule)
            {
                if (name.Length == 0 || name.Contains('.', StringComparison.Ordinal))
                {
                    throw new ArgumentException($"module name must not be empty or contain \".\": \"{name}\"");
                }

                RequireFree(name);
                submodule.RegisterComponents();
                _modules.Add((name, submodule));
            }

            public void add_module(string name, Module module) => register_module(name, module);

            /// <summary>Registers every field that holds a parameter or a module, under the field's name, in the order of declaration.</summary>
            protected virtual void RegisterComponents()
            {
                if (_registered)
                {
                    return;
                }

                _registered = true;
                const BindingFlags Fields = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly;
                for (Type? type = GetType(); type is not null && type != typeof(Module); type = type.BaseType)
                {
                    foreach (FieldInfo field in type.GetFields(Fields))
                    {
                        Register(field.Name, field.GetValue(this));
                    }
                }
            }

            /// <summary>For modules of this library, whose constructors register under the public names: their fields are not registered as well.</summary>
            private protected void KeepRegisteredNames() => _registered = true;

            /// <summary>Disposes the parameters and the modules below.</summary>
            protected virtual void Dispose(bool disposing)
            {
                if (!disposing)
                {
                    return;
                }

                foreach ((_, Parameter parameter) in _parameters)
                {
                    parameter.Dispose();
                }

                foreach ((_, Module module) in _modules)
                {
                    module.Dispose();
                }
            }

            /// <summary>Moves and converts all parameters and their gradients in place.</summary>
            internal void MoveTo(ScalarType? type, Device? device)
            {
                using IDisposable unrecorded = no_grad();
                foreach (Parameter parameter in parameters())
                {
                    using Tensor? gradient = parameter.grad;
                    using Tensor? movedGradient = gradient?.to(type ?? parameter.dtype, device ?? parameter.device);
                    using Tensor moved = parameter.to(type ?? parameter.dtype, device ?? parameter.device);
                    parameter.grad = null;
                    parameter.SetData(moved);
                    parameter.grad = movedGradient;
                }
            }

            private IEnumerable<(string name, Parameter parameter)> AllParameters(bool recurse)
            {
                foreach ((string name, Parameter parameter) in _parameters)
                {
                    yield return (name, parameter);
                }

                if (!recurse)
                {
                    yield break;
                }

                foreach ((string name, Module module) in _modules)
                {
                    foreach ((string below, Parameter parameter) in module.AllParameters(true))
                    {
                        yield return ($"{name}.{below}", parameter);
                    }
                }
            }

            private void Register(string name, object? value)
            {
                if (_parameters.Exists(named => named.name == name) || _modules.Exists(named => named.name == name))
                {
                    return;
                }

                switch (value)
                {
                    case Module module:
                        register_module(name, module);
                        break;
                    case Parameter parameter:
                        register_parameter(name, parameter);
                        break;
                }
            }

            private void RequireFree(string name)
            {
                if (_parameters.Exists(named => named.name == name) || _modules.Exists(named => named.name == name))
                {
                    throw new InvalidOperationException($"{name} is already registered.");
                }
            }
        }

        /// <summary>A module of one input.</summary>
        public abstract class Module<T, TResult> : Module
        {
            protected Module(string name)
                : base(name)
            {
            }

            public abstract TResult forward(T input);

            public TResult call(T input) => forward(input);
        }

        /// <summary>A module of two inputs.</summary>
        public abstract class Module<T1, T2, TResult> : Module
        {
            protected Module(string name)
                : base(name)
            {
            }

            public abstract TResult forward(T1 input1, T2 input2);

            public TResult call(T1 input1, T2 input2) => forward(input1, input2);
        }
    }
}
