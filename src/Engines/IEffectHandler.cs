namespace RnnLm.Engines;

/// <summary>Carries out the effects that belong to one kind of actor: a worker's computations, a coordinator's checkpoints and reports.</summary>
public interface IEffectHandler
{
    /// <summary>Begins an effect without blocking.</summary>
    /// <param name="effect">What to do.</param>
    /// <param name="answer">Tells the actor the result; may be called from any thread, any time later.</param>
    /// <param name="fail">Ends the actor with a cause.</param>
    void Carry(Effect effect, Action<Message> answer, Action<Exception?> fail);
}
