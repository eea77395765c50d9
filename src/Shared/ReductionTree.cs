using System.Numerics;

namespace RnnLm.Shared;

/// <summary>
/// The fixed binary tree along which the sums of a step's S shards are combined: the result depends on the tree alone,
/// never on who computed a range or on
/// the order of arrival. The tree only keeps the books; the additions are done by the caller, who may do them on other
/// threads.
/// </summary>
/// <remarks>
/// A range is accepted only if neither it nor an ancestor is filled; filling a range discards what lies below it. A
/// node whose two children
/// have been taken for addition counts as filled. Not thread-safe.
/// </remarks>
public sealed class ReductionTree<T>
    where T : class
{
    private readonly int _shards;
    private readonly Node[] _nodes;

    /// <summary>An empty tree over <paramref name="shards"/> leaves (a power of two).</summary>
    public ReductionTree(int shards)
    {
        if (shards <= 0 || !BitOperations.IsPow2(shards))
        {
            throw new ArgumentOutOfRangeException(nameof(shards), shards, "The shard count must be a power of two.");
        }

        _shards = shards;
        _nodes = new Node[2 * shards];
    }

    private enum NodeState
    {
        Empty,
        Filled,

        /// <summary>Both children were taken to be added; the sum has not come back.</summary>
        Adding,

        /// <summary>Its value went into its parent.</summary>
        Consumed,
    }

    /// <summary>The sum over all shards, once it is there.</summary>
    public T? Root => _nodes[1].Value;

    /// <summary>Whether <paramref name="range"/> or an ancestor of it is filled: another result for it would count
    /// twice.</summary>
    public bool IsCovered(ShardRange range)
    {
        for (int index = Index(range); index >= 1; index >>= 1)
        {
            if (_nodes[index].State != NodeState.Empty)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Fills <paramref name="range"/>. False, and nothing changes, when it is covered already.</summary>
    /// <param name="range">The range that the value is the sum of.</param>
    /// <param name="value">The sum; the tree owns it if accepted.</param>
    /// <param name="discarded">Gets the values below the range, which are no longer needed.</param>
    public bool Accept(ShardRange range, T value, ICollection<T> discarded)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(discarded);
        if (IsCovered(range))
        {
            return false;
        }

        int index = Index(range);
        Discard(2 * index, discarded);
        Discard((2 * index) + 1, discarded);
        _nodes[index] = new Node(NodeState.Filled, value);
        return true;
    }

    /// <summary>
    /// If <paramref name="range"/> and its sibling are both filled, takes both out to be added as left + right; the sum
    /// must come back through <see cref="Complete"/>.
    /// </summary>
    public bool TryTakePair(ShardRange range, out ShardRange parent, out T left, out T right)
    {
        (parent, left, right) = (range, null!, null!);
        if (range.Length == _shards)
        {
            return false;
        }

        int leftIndex = Index(range) & ~1;
        ref Node l = ref _nodes[leftIndex];
        ref Node r = ref _nodes[leftIndex + 1];
        if (l.State != NodeState.Filled || r.State != NodeState.Filled)
        {
            return false;
        }

        (parent, left, right) = (range.Parent, l.Value!, r.Value!);
        l = r = new Node(NodeState.Consumed, null);
        _nodes[leftIndex >> 1] = new Node(NodeState.Adding, null);
        return true;
    }

    /// <summary>Brings back the sum of a pair. False when a larger range was accepted meanwhile and the sum is not
    /// needed.</summary>
    public bool Complete(ShardRange parent, T sum)
    {
        ref Node node = ref _nodes[Index(parent)];
        if (node.State != NodeState.Adding)
        {
            return false;
        }

        node = new Node(NodeState.Filled, sum);
        return true;
    }

    /// <summary>Takes the sum over all shards out of the tree; null while it is not there.</summary>
    public T? TakeRoot()
    {
        var root = Root;
        if (root is not null)
        {
            _nodes[1] = new Node(NodeState.Consumed, null);
        }

        return root;
    }

    /// <summary>Takes every value that is still in the tree out of it, so that its buffers can be re-used.</summary>
    public void Clear(ICollection<T> discarded)
    {
        ArgumentNullException.ThrowIfNull(discarded);
        Discard(1, discarded);
    }

    private void Discard(int index, ICollection<T> discarded)
    {
        if (index >= _nodes.Length)
        {
            return;
        }

        if (_nodes[index].Value is { } value)
        {
            discarded.Add(value);
        }

        _nodes[index] = default;
        Discard(2 * index, discarded);
        Discard((2 * index) + 1, discarded);
    }

    private int Index(ShardRange range)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(range.End, _shards);

        // Heap numbering: the root is 1, the children of i are 2i and 2i + 1, leaf s is S + s.
        return (_shards + range.Start) / range.Length;
    }

    private readonly record struct Node(NodeState State, T? Value);
}
