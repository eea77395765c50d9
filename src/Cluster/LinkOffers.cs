using Google.Protobuf;

namespace RnnLm.Cluster;

/// <summary>What one end of a link offers to the other, until that has fetched it or it is of no more use.</summary>
/// <param name="transfers">Offers it.</param>
internal sealed class LinkOffers(BulkTransfers transfers)
{
    /// <summary>Messages that travel as bulk and are offered at once: more than are ever unread.</summary>
    private const int MostLarge = 256;

    private readonly HashSet<UInt128> _offers = [];
    private readonly List<UInt128> _large = [];

    /// <summary>Takes in that the bulk of a message is offered.</summary>
    public void Add(IMessage body)
    {
        if (BulkTransfers.ReferenceOf(body) is { } reference)
        {
            _offers.Add(BulkClient.IdOf(reference));
        }
    }

    /// <summary>What travels of a message: itself, or, where it is too large, where it can be fetched.</summary>
    public IMessage Fit(IMessage body, int mostBytes)
    {
        if (body.CalculateSize() <= mostBytes)
        {
            return body;
        }

        var large = transfers.OfferLarge(body);
        Add(large);
        _large.Add(BulkClient.IdOf(large.Content));
        if (_large.Count > MostLarge)
        {
            // Nobody will fetch it any more: the word of it was lost.
            Withdraw(_large[0]);
        }

        return large;
    }

    /// <summary>The other end has fetched something.</summary>
    public void OnFetched(Wire.Fetched fetched) => Withdraw(new UInt128(fetched.IdHigh, fetched.IdLow));

    /// <summary>Takes an offer back, if it is one.</summary>
    public void Withdraw(UInt128 id)
    {
        if (_offers.Remove(id))
        {
            _large.Remove(id);
            transfers.Withdraw(id);
        }
    }

    /// <summary>Takes all offers back.</summary>
    public void WithdrawAll()
    {
        foreach (var offer in _offers)
        {
            transfers.Withdraw(offer);
        }

        _offers.Clear();
    }
}
