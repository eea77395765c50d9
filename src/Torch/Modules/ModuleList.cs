using System.Collections;

namespace RnnLm.Torch.Modules
{
    /// <summary>Modules in a row, named 0, 1, 2 …</summary>
    public class ModuleList<T> : torch.nn.Module, IReadOnlyList<T>
        where T : torch.nn.Module
    {
        private readonly List<T> _items;

        public ModuleList(params T[] modules)
            : base("ModuleList") => _items = [.. modules];

        public int Count => _items.Count;

        public T this[int index] => _items[index];

        public void Add(T item) => _items.Add(item);

        public void append(params T[] parameters) => _items.AddRange(parameters);

        public IEnumerator<T> GetEnumerator() => _items.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        protected override void RegisterComponents()
        {
            for (int i = named_children().Count(); i < _items.Count; i++)
            {
                register_module($"{i}", _items[i]);
            }
        }
    }
}

namespace RnnLm.Torch
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Modules.ModuleList<T> ModuleList<T>(params T[] modules) where T : Module => new(modules);
        }
    }
}
