namespace RnnLm.Cluster;

/// <summary>What a process offers for others to fetch, by number. A payload that is withdrawn is given back when nobody
/// reads it any more.</summary>
/// <param name="newNumber">Makes a number that nobody guesses.</param>
internal sealed class BulkOffers(Func<UInt128> newNumber)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<UInt128, Offer> _offers = [];

    /// <summary>Payloads that are offered.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _offers.Count;
            }
        }
    }

    /// <summary>Offers bytes until they are withdrawn.</summary>
    /// <param name="payload">The bytes; nobody writes them.</param>
    /// <param name="hash">Of the bytes.</param>
    /// <param name="shared">Where they lie, if that is shared memory.</param>
    /// <param name="release">Called once, when they are withdrawn and nobody reads them any more.</param>
    public Wire.BulkReference Add(Payload payload, UInt128 hash, SharedMemory? shared, Action release)
    {
        var id = newNumber();
        lock (_gate)
        {
            _offers[id] = new Offer(payload, release);
        }

        return new Wire.BulkReference
        {
            IdHigh = (ulong)(id >> 64),
            IdLow = (ulong)id,
            Length = payload.Length,
            HashHigh = (ulong)(hash >> 64),
            HashLow = (ulong)hash,
            Shared = shared?.Reference,
        };
    }

    /// <summary>Takes an offer back; a number that is unknown changes nothing.</summary>
    public void Withdraw(UInt128 id)
    {
        Offer? offer;
        lock (_gate)
        {
            if (!_offers.Remove(id, out offer))
            {
                return;
            }

            offer.IsWithdrawn = true;
            if (offer.Readers > 0)
            {
                return;
            }
        }

        offer.Release();
    }

    /// <summary>Takes all offers back.</summary>
    public void Clear()
    {
        UInt128[] left;
        lock (_gate)
        {
            left = [.. _offers.Keys];
        }

        Array.ForEach(left, Withdraw);
    }

    /// <summary>Begins to read; null when there is no such offer.</summary>
    public Offer? Open(UInt128 id)
    {
        lock (_gate)
        {
            if (_offers.TryGetValue(id, out var offer))
            {
                offer.Readers++;
            }

            return offer;
        }
    }

    /// <summary>Ends reading.</summary>
    public void Close(Offer offer)
    {
        lock (_gate)
        {
            offer.Readers--;
            if (!offer.IsWithdrawn || offer.Readers > 0)
            {
                return;
            }
        }

        offer.Release();
    }

    /// <summary>Bytes that are offered.</summary>
    public sealed class Offer(Payload payload, Action release)
    {
        /// <summary>The bytes.</summary>
        public Payload Payload { get; } = payload;

        /// <summary>Gives them back.</summary>
        public Action Release { get; } = release;

        /// <summary>Those who read it.</summary>
        public int Readers { get; set; }

        /// <summary>Whether nobody is to begin to read it any more, and who reads may stop.</summary>
        public bool IsWithdrawn { get; set; }
    }
}
