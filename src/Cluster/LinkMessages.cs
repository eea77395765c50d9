using Google.Protobuf;

namespace RnnLm.Cluster;

/// <summary>What the process at the other end of a link has sent.</summary>
internal sealed record FromPeer(IMessage Body) : Message;

/// <summary>The other end of a link cannot be reached any more.</summary>
internal sealed record PeerGone(string Reason) : Message;

/// <summary>A coordinator has engaged this worker: what was sent to an earlier one is void.</summary>
internal sealed record Engaged(long Incarnation) : Message;

/// <summary>What travels of a message with bulk is ready; its bytes are offered.</summary>
/// <param name="Body">What travels.</param>
/// <param name="Withdraw">Takes the offer back that nobody will hear of.</param>
internal sealed record BulkOffered(IMessage Body, Action<UInt128> Withdraw) : Message
{
    /// <inheritdoc/>
    public override void Release()
    {
        if (BulkTransfers.ReferenceOf(Body) is { } reference)
        {
            Withdraw(BulkClient.IdOf(reference));
        }
    }
}

/// <summary>A message with bulk was fetched.</summary>
/// <param name="Body">What travelled.</param>
/// <param name="Message">What it became: a <see cref="Message"/> of the protocol, or <see cref="FromPeer"/>; null when
/// it did not come.</param>
/// <param name="Failure">Why it did not; null when it was not wanted any more.</param>
internal sealed record BulkFetched(IMessage Body, Message? Message, string? Failure) : Message
{
    /// <inheritdoc/>
    public override void Release() => Message?.Release();
}

/// <summary>Send to the other end, at most once.</summary>
internal sealed record ToPeer(IMessage Body) : Effect;

/// <summary>Offer the bulk of a message, off the actor; answered by <see cref="BulkOffered"/>. Owns the message.
/// </summary>
internal sealed record OfferBulk(Message Message) : Effect;

/// <summary>Take an offer back.</summary>
internal sealed record WithdrawBulk(UInt128 Id) : Effect;

/// <summary>Fetch a message's bulk; answered by <see cref="BulkFetched"/>.</summary>
internal sealed record FetchBulk(IMessage Body) : Effect;

/// <summary>There is a newer version: end the fetches of parameters and gradients that are under way.</summary>
internal sealed record EndFetches : Effect;
